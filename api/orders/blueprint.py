"""The blueprint that the views of orders register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("orders", __name__, url_prefix="/v1", description="What customers have bought")
