"""The blueprint on which the views of the access service stand."""

from flask_smorest import Blueprint

blueprint = Blueprint("access", __name__, url_prefix="/v1", description="Who may do what")
