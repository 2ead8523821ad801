"""Abandoned carts: hourly reminders and expiry."""

from durable import Workflow
from models.core.workflow_inputs import CartReminderInput, SlotInput
from tasks import carts, notifications

CART_EXPIRY = Workflow("cart_expiry", carts.expire, input=SlotInput)
ABANDONED_CARTS = Workflow("abandoned_carts", carts.remind, input=SlotInput)
CART_REMINDER = Workflow("cart_reminder", notifications.cart_reminder, input=CartReminderInput)
