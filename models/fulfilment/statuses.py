"""The fulfilment status of orders: how much of an order has left, arrived or come back. Decided here alone."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, case, exists, select
from sqlalchemy.orm import Session

from models.fulfilment.tables import Parcel
from models.orders import Order

FULFILMENT_STATUSES = ("unfulfilled", "partially_fulfilled", "fulfilled", "delivered", "returned")


_HAS_LEFT = exists().where(Parcel.order_id == Order.id, Parcel.shipped_at.is_not(None))


def fulfilment_status() -> ColumnElement[str]:
    """The fulfilment status of an `Order`, as a column of a query.

    An order is fulfilled when all its units have left, delivered when all parcels are, and returned when all units came
    back, which its own status says; it is partially fulfilled once a parcel has left.
    """
    return case(
        (Order.status.in_(("delivered", "returned")), Order.status),
        (Order.status == "shipped", "fulfilled"),
        ((Order.status == "processing") & _HAS_LEFT, "partially_fulfilled"),
        else_="unfulfilled",
    )


def has_fulfilment_status(status: str) -> ColumnElement[bool]:
    """Whether an `Order` has this fulfilment status, as a condition that its index on the status can answer."""
    if status in ("delivered", "returned"):
        return Order.status == status
    if status == "fulfilled":
        return Order.status == "shipped"
    if status == "partially_fulfilled":
        return (Order.status == "processing") & _HAS_LEFT
    return Order.status.in_(("pending", "confirmed", "processing", "cancelled")) & ~_HAS_LEFT


def list_fulfilment_statuses(session: Session, order_ids: Sequence[str]) -> dict[str, str]:
    """Order id → fulfilment status."""
    query = select(Order.id, fulfilment_status()).where(Order.id.in_(order_ids))
    return dict(session.execute(query).all())
