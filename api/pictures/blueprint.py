"""The blueprint of the picture views."""

from flask_smorest import Blueprint

from api.http.etags import not_modified

blueprint = Blueprint("pictures", __name__, url_prefix="/v1", description="Pictures of products")
blueprint.after_request(not_modified)
