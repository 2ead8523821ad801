"""The blueprint of the account views."""

from flask_smorest import Blueprint

blueprint = Blueprint("accounts", __name__, url_prefix="/v1", description="Registration, login, profile and addresses")
