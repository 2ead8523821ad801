"""The blueprint that the views of payments register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("payments", __name__, url_prefix="/v1", description="Money held, taken and given back")
