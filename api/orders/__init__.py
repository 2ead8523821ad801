"""Orders."""

from api.orders import views
from api.orders.blueprint import blueprint

__all__ = ["blueprint", "views"]
