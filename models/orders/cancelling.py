"""Cancelling an order."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import carts
from models.core import event_log
from models.core.errors import NotFound
from models.core.events import OrderCancelled
from models.orders.queries import lock
from models.orders.tables import ORDER_STATUS, Order


def cancel(session: Session, order_id: str, reason: dict[str, str]) -> Order:
    """Cancels a pending order for a reason {code, detail}. A second call changes nothing.

    Its lines stay in the customer's cart, which can be checked out again. Raises NotFound, and Conflict `wrong_state`
    for an order that was confirmed.
    """
    carts.release(session, _customer_of(session, order_id), order_id)  # the cart's lock comes before the order's
    order = lock(session, order_id)
    if order.status != "cancelled":
        ORDER_STATUS.move(order, "cancelled")
        order.reason, order.cancelled_at = reason, func.now()
        event_log.emit(session, OrderCancelled(order_id=order.id, user_id=order.user_id))
    return order


def _customer_of(session: Session, order_id: str) -> str:
    found = session.scalars(select(Order.user_id).where(Order.id == order_id)).one_or_none()
    if found is None:
        raise NotFound("No such order.")
    return found
