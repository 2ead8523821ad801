"""Checkout: turns a cart into an order and starts its workflow."""

from api.checkout import views
from api.checkout.blueprint import blueprint

__all__ = ["blueprint", "views"]
