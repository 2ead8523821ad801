"""Fulfilment: a parcel is shipped once the order's payment is captured; then its delivery is awaited, for days."""

from durable import Pivot, Workflow
from models.core.workflow_inputs import ParcelInput
from tasks import fulfilment, notifications, payments

FULFILMENT = Workflow(
    "fulfilment",
    Pivot(payments.capture_order),
    fulfilment.ship,
    notifications.order_shipped,
    fulfilment.close,
    if_refused=(fulfilment.cancel, notifications.shipment_failed),
    input=ParcelInput,
)
DELIVERY = Workflow(
    "delivery",
    fulfilment.await_delivery,
    notifications.order_delivered,
    notifications.parcel_lost,
    input=ParcelInput,
)
