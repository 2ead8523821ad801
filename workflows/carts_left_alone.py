"""Carts that nobody touches: found by the hour, told of once, and gone at last."""

from tasks import carts, notifications
from workflows.engine import Workflow

CART_EXPIRY = Workflow("cart_expiry", carts.expire)
ABANDONED_CARTS = Workflow("abandoned_carts", carts.remind)
CART_REMINDER = Workflow("cart_reminder", notifications.cart_reminder)
