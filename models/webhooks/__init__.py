"""Outgoing webhooks: endpoints of other programs, and the deliveries of public events to them."""

from models.webhooks.addresses import check_url, is_public
from models.webhooks.deliveries import (
    Known,
    Pending,
    Target,
    load_pending,
    load_targets,
    record,
    waiting,
)
from models.webhooks.endpoints import (
    create_endpoint,
    delete_endpoint,
    get_endpoint,
    list_endpoints,
    rotate_secret,
    update_endpoint,
)
from models.webhooks.redelivery import get_delivery, list_deliveries, redeliver, redeliver_period, requests_of
from models.webhooks.signing import sign
from models.webhooks.tables import Delivery, Endpoint

__all__ = [
    "Delivery",
    "Endpoint",
    "Known",
    "Pending",
    "Target",
    "check_url",
    "create_endpoint",
    "delete_endpoint",
    "get_delivery",
    "get_endpoint",
    "is_public",
    "list_deliveries",
    "list_endpoints",
    "load_pending",
    "load_targets",
    "record",
    "redeliver",
    "redeliver_period",
    "requests_of",
    "rotate_secret",
    "sign",
    "update_endpoint",
    "waiting",
]
