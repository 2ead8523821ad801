"""The blueprint that the views of tasks register on."""

from flask_smorest import Blueprint

blueprint = Blueprint("tasks", __name__, url_prefix="/v1", description="Work that takes time, and how far it is")
