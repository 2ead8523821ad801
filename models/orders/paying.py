"""Payments of orders: captures of confirmed orders, and giving up a payment that waits for its customer."""

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
    # A checkout locks its payment before its order. Only an order that no checkout is about may be locked first.
    if get(session, order_id).status == "pending":
        raise Conflict(
            "The order of this payment is still being checked out.", code="wrong_state", current="pending",
            possible=list(ORDER_STATUS.following["pending"]),
        )  # fmt: skip
    order = lock(session, order_id)
    if order.status not in CAPTURABLE:
        raise ORDER_STATUS.refusal(order.status)
    return payments.request_capture(session, payment_id, amount, owner=owner)


def give_up_payment(session: Session, order_id: str) -> str:
    """Cancels the checkout of a pending order whose payment waits for its customer. Returns the id of its run.

    If the customer confirms the payment at the same time, the order may be confirmed nevertheless. Raises NotFound, and
    Conflict `wrong_state` for an order that does not wait for its customer.
    """
    order = get(session, order_id)
    payment = payments.list_newest_payments(session, [order_id])[order_id]
    if order.status != "pending" or payment.status != "action_required":
        raise ORDER_STATUS.refusal(order.status)
    assert order.run_id is not None
    durable.signal(session, order.run_id, "cancelled", {})
    return order.run_id
