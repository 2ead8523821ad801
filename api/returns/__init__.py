"""Returns."""

from api.returns import views
from api.returns.blueprint import blueprint

__all__ = ["blueprint", "views"]
