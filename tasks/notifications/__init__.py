"""Steps of the notifications service. Each composes one kind of notification, and sends it by e-mail."""

from tasks.notifications.accounts import cart_reminder, erase_user, password_changed, password_reset, welcome
from tasks.notifications.orders import (
    lines_cancelled,
    order_cancelled,
    order_confirmed,
    order_delivered,
    order_shipped,
    refunded,
    return_decided,
    return_received,
)
from tasks.notifications.sending import CHANNEL, service
from tasks.notifications.staff import (
    goods_ordered,
    goods_received,
    order_withdrawn,
    parcel_lost,
    reconciliation_differs,
    restock_cancelled,
    shipment_failed,
    stock_low,
    transfer_cancelled,
    transfer_incomplete,
)

__all__ = [
    "CHANNEL",
    "cart_reminder",
    "erase_user",
    "goods_ordered",
    "goods_received",
    "lines_cancelled",
    "order_cancelled",
    "order_confirmed",
    "order_delivered",
    "order_shipped",
    "order_withdrawn",
    "parcel_lost",
    "password_changed",
    "password_reset",
    "reconciliation_differs",
    "refunded",
    "restock_cancelled",
    "return_decided",
    "return_received",
    "service",
    "shipment_failed",
    "stock_low",
    "transfer_cancelled",
    "transfer_incomplete",
    "welcome",
]
