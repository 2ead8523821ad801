"""Payments of orders: captures of confirmed orders, and giving up a checkout."""

from sqlalchemy.orm import Session

import durable
from models import payments
from models.core.errors import Conflict
from models.orders.queries import get, lock
from models.orders.tables import ORDER_STATUS
from models.payments import Transaction

CAPTURABLE = ("confirmed", "processing", "shipped", "delivered")
"""Statuses of orders whose payment can be captured."""


def capture_payment(session: Session, payment_id: str, amount: int | None, *, owner: str | None) -> Transaction:
    """Starts a capture of a confirmed order's payment; see `payments.request_capture`.

    Raises NotFound, and Conflict `wrong_state` for an order that is pending or cancelled.
    """
    order_id = payments.get_payment(session, payment_id).order_id
    # A confirmation locks its order before its payment; everything else locks the payment first.
    if get(session, order_id).status == "pending":
        raise Conflict(
            "The order of this payment is still being checked out.", code="wrong_state", current="pending",
            possible=list(ORDER_STATUS.following["pending"]),
        )  # fmt: skip
    payments.lock_payment(session, payment_id)
    order = lock(session, order_id)
    if order.status not in CAPTURABLE:
        raise ORDER_STATUS.refusal(order.status)
    return payments.request_capture(session, payment_id, amount, owner=owner)


def give_up(session: Session, order_id: str) -> str:
    """Cancels the checkout of a pending order, also while its payment waits for the customer. Returns its run's id.

    If the order is just about to be confirmed, it is confirmed nevertheless, and the run succeeds. Raises NotFound, and
    Conflict `wrong_state` for an order that is not pending.
    """
    order = get(session, order_id)
    if order.status != "pending":
        raise ORDER_STATUS.refusal(order.status)
    assert order.run_id is not None
    durable.signal(session, order.run_id, "cancelled", {})
    return order.run_id
