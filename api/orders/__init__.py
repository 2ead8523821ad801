"""Orders."""

from api.orders import changes, views
from api.orders.blueprint import blueprint

__all__ = ["blueprint", "changes", "views"]
