"""Tasks: the runs that requests have started, as their owners see them."""

from api.tasks import views
from api.tasks.blueprint import blueprint

__all__ = ["blueprint", "views"]
