"""Payments and their transactions: what a provider was asked for an order, and what it answered."""

from models.payments.queries import (
    HoldRequest,
    find_first_payment,
    get_authorisation_request,
    get_payment,
    list_newest_payments,
    list_transactions,
    lock_payment,
)
from models.payments.recording import (
    open_payment,
    record_authorisation,
    record_decline,
    record_void,
    record_webhook_event,
)
from models.payments.settling import (
    find_pending,
    get_transaction,
    open_capture,
    refundable,
    request_capture,
    request_refund,
    request_return,
    settle_capture,
    settle_failure,
    settle_refund,
    settle_void,
)
from models.payments.tables import GATEWAY, PAYMENT_STATUS, Payment, Transaction, WebhookEvent

__all__ = [
    "GATEWAY",
    "PAYMENT_STATUS",
    "HoldRequest",
    "Payment",
    "Transaction",
    "WebhookEvent",
    "find_first_payment",
    "find_pending",
    "get_authorisation_request",
    "get_payment",
    "get_transaction",
    "list_newest_payments",
    "list_transactions",
    "lock_payment",
    "open_capture",
    "open_payment",
    "record_authorisation",
    "record_decline",
    "record_void",
    "record_webhook_event",
    "refundable",
    "request_capture",
    "request_refund",
    "request_return",
    "settle_capture",
    "settle_failure",
    "settle_refund",
    "settle_void",
]
