"""The blueprint that the views of operations register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("operations", __name__, url_prefix="/v1", description="What operators look at and set right")
