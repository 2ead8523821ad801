"""Checkout: from a cart to an order, whose workflow then runs in the background."""

from api.checkout import views
from api.checkout.blueprint import blueprint

__all__ = ["blueprint", "views"]
