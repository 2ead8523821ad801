"""The blueprint that the views of access register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("access", __name__, url_prefix="/v1", description="Who may do what")
