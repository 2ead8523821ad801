"""Where the reports' views are registered."""

from flask_smorest import Blueprint

from api.etags import not_modified

blueprint = Blueprint("reports", __name__, url_prefix="/v1", description="Reports on the inventory")
blueprint.after_request(not_modified)
