"""Notifications: templates, the delivery log, suppressed addresses, and unsubscribing."""

from api.notifications import deliveries, templates, unsubscribing
from api.notifications.blueprint import blueprint

__all__ = ["blueprint", "deliveries", "templates", "unsubscribing"]
