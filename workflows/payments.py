"""Captures and refunds of payments, and what the provider reports of them later."""

from durable import Pivot, Workflow
from models.core.workflow_inputs import CaptureInput, PaymentInput, RefundInput, SlotInput
from tasks import notifications, orders, payments

REFUSED = (payments.abandon, notifications.payment_refused)

CAPTURE = Workflow("capture", Pivot(payments.capture), if_refused=REFUSED, input=CaptureInput)
REFUND = Workflow(
    "refund",
    Pivot(payments.refund),
    orders.credit,
    notifications.refunded,
    if_refused=REFUSED,
    input=RefundInput,
)
PAYMENT_UPDATE = Workflow("payment_update", payments.refresh, input=PaymentInput)
PAYMENT_FOLLOW_UP = Workflow("payment_follow_up", payments.follow_up, input=SlotInput)
REFUND_FAILED = Workflow("refund_failed", notifications.refund_failed, input=CaptureInput)
DISPUTE_OPENED = Workflow("dispute_opened", notifications.dispute_opened, input=CaptureInput)
DISPUTE_CLOSED = Workflow("dispute_closed", notifications.dispute_closed, input=CaptureInput)
