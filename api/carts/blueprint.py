"""The blueprint of the cart views."""

from flask_smorest import Blueprint

blueprint = Blueprint("carts", __name__, url_prefix="/v1", description="Carts of customers and guests")
