"""Cancellations of a confirmed order, and of some of its pieces: money is given back.

The order or its pieces are cancelled before the run starts. Pieces are then in stock again as well.
"""

from durable import Workflow
from models.core.workflow_inputs import CancellationInput, LineCancellationInput
from tasks import inventory, notifications, orders, payments

CANCELLATION = Workflow(
    "cancellation",
    inventory.release_cancelled,
    payments.await_dispute,
    payments.give_back,
    orders.credit_cancelled,
    notifications.order_cancelled,
    orders.close_cancellation,
    input=CancellationInput,
)
LINE_CANCELLATION = Workflow(
    "line_cancellation",
    payments.await_dispute,
    payments.settle_cancelled,
    payments.refund_cancelled,
    orders.credit_lines,
    notifications.lines_cancelled,
    orders.close_line_cancellation,
    input=LineCancellationInput,
)
