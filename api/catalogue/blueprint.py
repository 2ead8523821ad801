"""The blueprint of the catalogue views."""

from flask_smorest import Blueprint

from api.http.etags import not_modified

blueprint = Blueprint("catalogue", __name__, url_prefix="/v1", description="Products, categories and authors")
blueprint.after_request(not_modified)
