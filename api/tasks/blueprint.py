"""The blueprint of the task views."""

from flask_smorest import Blueprint

blueprint = Blueprint("tasks", __name__, url_prefix="/v1", description="Long-running operations and their progress")
