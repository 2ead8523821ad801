"""The blueprint of the reconciliation views."""

from flask_smorest import Blueprint

blueprint = Blueprint("reconciliations", __name__, url_prefix="/v1", description="Our payments and the providers'")
