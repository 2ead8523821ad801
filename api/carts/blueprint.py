"""The blueprint that the views of carts register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("carts", __name__, url_prefix="/v1", description="What the customer means to buy")
