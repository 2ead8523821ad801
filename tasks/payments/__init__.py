"""Steps of the payments service: authorising, voiding, capturing and refunding money."""

from tasks.payments.authorisation import authorise, await_customer, service, void
from tasks.payments.settlement import capture, capture_order, give_back, refund, refund_return

__all__ = [
    "authorise", "await_customer", "capture", "capture_order", "give_back", "refund", "refund_return", "service",
    "void",
]  # fmt: skip
