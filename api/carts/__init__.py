"""Carts of customers and guests."""

from api.carts import guest_token, views
from api.carts.blueprint import blueprint

__all__ = ["blueprint", "guest_token", "views"]
