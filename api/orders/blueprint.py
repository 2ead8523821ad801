"""The blueprint of the order views."""

from flask_smorest import Blueprint

blueprint = Blueprint("orders", __name__, url_prefix="/v1", description="Orders and their status")
