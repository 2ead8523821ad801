"""Steps of the payments service: authorising, voiding, capturing and refunding money."""

from tasks.payments.authorisation import authorise, await_customer, service, void
from tasks.payments.settlement import (
    capture,
    capture_order,
    give_back,
    refund,
    refund_cancelled,
    refund_return,
    settle_cancelled,
)

__all__ = [
    "authorise", "await_customer", "capture", "capture_order", "give_back", "refund", "refund_cancelled",
    "refund_return", "service", "settle_cancelled", "void",
]  # fmt: skip
