"""Steps of the payments service: authorising, voiding, capturing and refunding money, and reports of it."""

from tasks.payments.authorisation import authorise, await_customer, service, void
from tasks.payments.lapsing import check_authorisation, find_expiring
from tasks.payments.reports import follow_up, refresh
from tasks.payments.settlement import (
    abandon,
    await_dispute,
    capture,
    capture_order,
    give_back,
    refund,
    refund_cancelled,
    refund_return,
    settle_cancelled,
)

__all__ = [
    "abandon", "authorise", "await_customer", "await_dispute", "capture", "capture_order", "check_authorisation",
    "find_expiring", "follow_up", "give_back", "refresh", "refund", "refund_cancelled", "refund_return", "service",
    "settle_cancelled", "void",
]  # fmt: skip
