"""The blueprint of the operations views."""

from flask_smorest import Blueprint

blueprint = Blueprint("operations", __name__, url_prefix="/v1", description="Runs, audit and events, for operators")
