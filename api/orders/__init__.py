"""Orders: what customers have bought, and their state."""

from api.orders import views
from api.orders.blueprint import blueprint

__all__ = ["blueprint", "views"]
