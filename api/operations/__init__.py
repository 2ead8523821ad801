"""Operations: runs, audit and events."""

from api.operations import views
from api.operations.blueprint import blueprint

__all__ = ["blueprint", "views"]
