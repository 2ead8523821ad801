"""The blueprint on which the views of the accounts stand."""

from flask_smorest import Blueprint

blueprint = Blueprint("accounts", __name__, url_prefix="/v1", description="Who the customers are, and how they sign in")
