"""Payments and their transactions: what a provider was asked for an order, and what it answered."""

from models.payments.queries import (
    HoldRequest,
    find_first_payment,
    get_authorisation_request,
    list_newest_payments,
    list_references,
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
from models.payments.tables import GATEWAY, PAYMENT_STATUS, Payment, Transaction, WebhookEvent

__all__ = [
    "GATEWAY",
    "PAYMENT_STATUS",
    "HoldRequest",
    "Payment",
    "Transaction",
    "WebhookEvent",
    "find_first_payment",
    "get_authorisation_request",
    "list_newest_payments",
    "list_references",
    "list_transactions",
    "lock_payment",
    "open_payment",
    "record_authorisation",
    "record_decline",
    "record_void",
    "record_webhook_event",
]
