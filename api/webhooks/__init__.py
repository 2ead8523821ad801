"""Outgoing webhooks: endpoints and the log of deliveries."""

from api.webhooks import deliveries, endpoints
from api.webhooks.blueprint import blueprint

__all__ = ["blueprint", "deliveries", "endpoints"]
