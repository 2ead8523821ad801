"""The blueprint that the views of inventory register on."""

from flask_smorest import Blueprint

from api.http.etags import not_modified

blueprint = Blueprint("inventory", __name__, url_prefix="/v1", description="Warehouses and the stock in them")
blueprint.after_request(not_modified)
