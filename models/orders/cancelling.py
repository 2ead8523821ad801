"""Cancelling an order."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import durable
from models import carts, payments, reports
from models.core import event_log
from models.core.errors import Conflict, NotFound
from models.core.events import OrderCancelled
from models.orders.history import change_status
from models.orders.queries import lock
from models.orders.tables import ORDER_STATUS, Order


def cancel(session: Session, order_id: str, reason: dict[str, str]) -> Order:
    """Cancels a pending order for a reason {code, detail}. A second call changes nothing.

    Its lines stay in the customer's cart, which can be checked out again. Raises NotFound, and Conflict `wrong_state`
    for an order that was confirmed.
    """
    carts.release(session, _customer_of(session, order_id), order_id)  # the cart's lock comes before the order's
    order = lock(session, order_id)
    if order.status not in ("pending", "cancelled"):
        raise ORDER_STATUS.refusal(order.status)
    if order.status == "pending":
        ORDER_STATUS.move(order, "cancelled")
        order.reason, order.cancelled_at = reason, func.now()
        event_log.emit(session, OrderCancelled(order_id=order.id, user_id=order.user_id))
    return order


def cancel_confirmed(
    session: Session, order_id: str, *, actor: str, is_staff: bool, reason: str | None
) -> tuple[Order, str]:
    """Cancels an order that was confirmed and not shipped, and starts its `cancellation`. Returns the run's id too.

    The run releases the stock, voids or refunds the payment, issues the credit note and notifies the customer.
    Customers can cancel until the order is being processed, staff until it is shipped. Raises NotFound, and Conflict
    `wrong_state`, `has_parcels` for an order with a parcel, or `payment_disputed`.
    """
    order = lock(session, order_id)
    check_cancellable(order, is_staff=is_staff)
    if order.parcels:
        raise Conflict("The order has parcels. Cancel those that have not left first.", code="has_parcels")
    payment = payments.list_newest_payments(session, [order.id])[order.id]
    payments.refuse_if_disputed(session, payment.id)
    change_status(session, order, "cancelled", actor=actor, reason=reason)
    by = "staff" if is_staff else "the customer"
    order.reason = {
        "code": "cancelled_by_staff" if is_staff else "cancelled_by_customer",
        "detail": reason or f"The order was cancelled by {by}.",
    }
    order.cancelled_at = func.now()
    reports.record_cancelled_order(session, order.id)
    about = {"order_id": order.id, "user_id": order.user_id, "payment_id": payment.id, "reason": order.reason["detail"]}
    run_id = durable.start(session, "cancellation", key=order.id, input=about, owner=actor)
    event_log.emit(session, OrderCancelled(order_id=order.id, user_id=order.user_id))
    return order, run_id


def check_cancellable(order: Order, *, is_staff: bool) -> None:
    """Raises Conflict `wrong_state` for an order that was not confirmed, or that is too far on to be cancelled."""
    if order.status == "pending" or (order.status == "processing" and not is_staff):
        raise ORDER_STATUS.refusal(order.status)
    ORDER_STATUS.check(order.status, "cancelled")


def _customer_of(session: Session, order_id: str) -> str:
    found = session.scalars(select(Order.user_id).where(Order.id == order_id)).one_or_none()
    if found is None:
        raise NotFound("No such order.")
    return found
