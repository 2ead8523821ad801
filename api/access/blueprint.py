"""The blueprint of the access control views."""

from flask_smorest import Blueprint

blueprint = Blueprint("access", __name__, url_prefix="/v1", description="Roles, permissions and API keys")
