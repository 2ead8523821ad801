"""Who sees which orders and payments: customers their own, staff with the permission everybody's."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.accounts import Principal
from models.core.errors import NotAllowed, NotFound
from models.orders.tables import Order
from models.payments import Payment

WRITE = "orders:write"


def select_visible_orders(principal: Principal) -> Select[Order]:
    """The orders that somebody sees, to be ordered by the caller; everybody's with `orders:read`."""
    return select(Order) if "orders:read" in principal.permissions else select_own_orders(principal)


def select_own_orders(principal: Principal) -> Select[Order]:
    """What somebody has ordered, to be ordered by the caller."""
    return select(Order).where(Order.user_id == principal.user_id)


def get_visible_order(session: Session, order_id: str, principal: Principal) -> Order:
    """The order. Raises NotFound, also for one that the principal does not see."""
    order = session.scalars(select_visible_orders(principal).where(Order.id == order_id)).one_or_none()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def get_own_order(session: Session, order_id: str, principal: Principal) -> Order:
    """The order, if the principal has placed it. Raises NotFound, also for one that they only see."""
    order = session.scalars(select_own_orders(principal).where(Order.id == order_id)).one_or_none()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def get_changeable_order(session: Session, order_id: str, principal: Principal) -> Order:
    """The order, for a change that its customer may make, too; that of others requires `orders:write`.

    Raises NotFound, also for one that the principal does not see, and NotAllowed.
    """
    order = get_visible_order(session, order_id, principal)
    if order.user_id != principal.user_id and WRITE not in principal.permissions:
        raise NotAllowed(f"This requires the permission {WRITE}.", permission=WRITE)
    return order


def select_visible_payments(principal: Principal) -> Select[Payment]:
    """The payments that somebody sees, to be ordered by the caller: for own orders; everybody's with
    `payments:read`."""
    if "payments:read" in principal.permissions:
        return select(Payment)
    return select(Payment).join(Order, Order.id == Payment.order_id).where(Order.user_id == principal.user_id)


def get_visible_payment(session: Session, payment_id: str, principal: Principal) -> Payment:
    """The payment. Raises NotFound, also for one that the principal does not see."""
    payment = session.scalars(select_visible_payments(principal).where(Payment.id == payment_id)).one_or_none()
    if payment is None:
        raise NotFound("There is no such payment.")
    return payment
