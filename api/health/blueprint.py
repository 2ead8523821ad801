"""The blueprint of the health checks."""

from flask_smorest import Blueprint

blueprint = Blueprint("health", __name__, description="Health checks")
