"""Reading and locking orders and their lines."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select
from sqlalchemy.orm import Session

from models import accounts, inventory
from models.core.errors import NotFound
from models.orders.tables import Line, Order


def lock(session: Session, order_id: str) -> Order:
    """The order, locked. Raises NotFound."""
    order = session.get(Order, order_id, with_for_update=True, populate_existing=True)
    if order is None:
        raise NotFound("No such order.")
    return order


def get(session: Session, order_id: str) -> Order:
    """The order of any user. Raises NotFound."""
    order = session.get(Order, order_id)
    if order is None:
        raise NotFound("No such order.")
    return order


_WAITING = and_(
    inventory.Backorder.order_id == Line.order_id,
    inventory.Backorder.product_id == Line.product_id,
    inventory.Backorder.status.in_(inventory.BACKORDER_STATUS.preceding("released")),
)
_UNITS = func.coalesce(inventory.Backorder.quantity - inventory.Backorder.filled, 0).label("backordered")
_LINES = (
    select(Line.__table__, _UNITS, inventory.Backorder.promised_on)
    .outerjoin(inventory.Backorder, _WAITING)
    .where(Line.order_id.in_(bindparam("order_ids", expanding=True)))
    .order_by(Line.sku)
)


def lines_of(session: Session, order_ids: list[str]) -> dict[str, list[Row[*tuple[Any, ...]]]]:
    """The lines of these orders by order id, sorted by SKU, each with its `backordered` units and `promised_on`."""
    found: dict[str, list[Row[*tuple[Any, ...]]]] = {order_id: [] for order_id in order_ids}
    for line in session.connection().execute(_LINES, {"order_ids": order_ids}):
        found[line.order_id].append(line)
    return found


def list_lines(session: Session, order_id: str) -> list[Line]:
    """The lines of an order, to be changed by a caller who has locked the order."""
    return list(session.scalars(select(Line).where(Line.order_id == order_id).order_by(Line.sku)))


_SUMMARY = (
    select(
        Order.number, Order.total, Order.currency, Order.reason, Order.confirmed_at, Order.user_id,
        accounts.User.email, accounts.User.first_name, accounts.User.language,
        accounts.User.status.label("account"), Line.product_id, Line.title, Line.quantity,
        _UNITS, inventory.Backorder.promised_on,
    )
    .join(accounts.User, accounts.User.id == Order.user_id)
    .join(Line, Line.order_id == Order.id)
    .outerjoin(inventory.Backorder, _WAITING)
    .where(Order.id == bindparam("order_id"))
    .order_by(Line.sku)
)  # fmt: skip


def get_summary(session: Session, order_id: str) -> Sequence[Any]:
    """A row per line for the customer's mail; each has the order and the customer as well."""
    return session.connection().execute(_SUMMARY, {"order_id": order_id}).all()
