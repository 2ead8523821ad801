"""Captures and refunds of payments."""

from durable import Workflow
from models.core.workflow_inputs import CaptureInput, RefundInput
from tasks import notifications, orders, payments

CAPTURE = Workflow("capture", payments.capture, input=CaptureInput)
REFUND = Workflow("refund", payments.refund, orders.credit, notifications.refunded, input=RefundInput)
