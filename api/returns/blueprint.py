"""The blueprint of the return views."""

from flask_smorest import Blueprint

blueprint = Blueprint("returns", __name__, url_prefix="/v1", description="Returns of delivered goods")
