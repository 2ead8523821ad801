"""Fulfilment: a parcel gets its label, and is shipped once the order's payment is captured; its delivery takes days."""

from durable import Pivot, Undoable, Workflow
from models.core.workflow_inputs import ActorSignal, ParcelInput
from tasks import fulfilment, notifications, payments

FULFILMENT = Workflow(
    "fulfilment",
    Undoable(fulfilment.buy_label, undo=fulfilment.refund_label),
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
    fulfilment.ask_carrier,
    fulfilment.conclude,
    notifications.order_delivered,
    notifications.parcel_lost,
    input=ParcelInput,
    signals={"delivered": ActorSignal},
)
