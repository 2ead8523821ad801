"""The blueprint that the views of accounts register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("accounts", __name__, url_prefix="/v1", description="Who the customers are, and how they sign in")
