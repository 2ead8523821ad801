"""The blueprint that the views of health register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("health", __name__, description="Whether the shop is well")
