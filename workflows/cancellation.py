"""The cancellation of a confirmed order: stock and money are given back. The order itself is cancelled already."""

from durable import Workflow
from models.core.workflow_inputs import CancellationInput
from tasks import inventory, notifications, orders, payments

CANCELLATION = Workflow(
    "cancellation",
    inventory.release_cancelled,
    payments.give_back,
    orders.credit_cancelled,
    notifications.order_cancelled,
    orders.close_cancellation,
    input=CancellationInput,
)
