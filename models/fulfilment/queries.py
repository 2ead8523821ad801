"""Reading and locking parcels, and what is left to pick."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BindParameter, Row, TextualSelect, bindparam, select, text
from sqlalchemy.orm import Session

from durable.ids import Id
from models import orders
from models.core.errors import NotFound
from models.fulfilment.tables import Parcel, ParcelLine, TrackingEvent


def get_parcel(session: Session, parcel_id: str) -> Parcel:
    """The parcel. Raises NotFound."""
    parcel = session.get(Parcel, parcel_id)
    if parcel is None:
        raise NotFound("There is no such fulfilment.")
    return parcel


def lock_parcel(session: Session, parcel_id: str) -> tuple[orders.Order, Parcel]:
    """The parcel and its order, locked in this order. Raises NotFound."""
    parcel = get_parcel(session, parcel_id)
    order = orders.lock(session, parcel.order_id)
    session.refresh(parcel, with_for_update=True)
    return order, parcel


def list_parcels(session: Session, order_id: str) -> list[Parcel]:
    """The parcels of an order, oldest first."""
    return list(session.scalars(select(Parcel).where(Parcel.order_id == order_id).order_by(Parcel.id)))


def lines_of(session: Session, parcel_id: str) -> dict[str, int]:
    """Product → units in the parcel."""
    lines = select(ParcelLine.product_id, ParcelLine.quantity).where(ParcelLine.parcel_id == parcel_id)
    return dict(session.execute(lines).all())


def list_contents(session: Session, parcel_ids: Sequence[str]) -> dict[str, list[ParcelLine]]:
    """Parcel id → its lines."""
    found: dict[str, list[ParcelLine]] = {parcel_id: [] for parcel_id in parcel_ids}
    query = select(ParcelLine).where(ParcelLine.parcel_id.in_(parcel_ids)).order_by(ParcelLine.product_id)
    for line in session.scalars(query):
        found[line.parcel_id].append(line)
    return found


def list_tracking(session: Session, parcel_ids: Sequence[str]) -> dict[str, list[TrackingEvent]]:
    """Parcel id → its tracking events, oldest first."""
    found: dict[str, list[TrackingEvent]] = {parcel_id: [] for parcel_id in parcel_ids}
    order = TrackingEvent.created_at, TrackingEvent.id
    query = select(TrackingEvent).where(TrackingEvent.parcel_id.in_(parcel_ids)).order_by(*order)
    for event in session.scalars(query):
        found[event.parcel_id].append(event)
    return found


_PICKING = """
    SELECT held.order_id, placed.number, held.product_id, line.sku, line.title,
        held.quantity - coalesce(packed.quantity, 0) AS quantity
    FROM inventory.reservation AS held JOIN orders."order" AS placed ON placed.id = held.order_id
    JOIN orders.line ON line.order_id = held.order_id AND line.product_id = held.product_id
    LEFT JOIN LATERAL (
        SELECT sum(inside.quantity) AS quantity
        FROM fulfilment.parcel JOIN fulfilment.parcel_line AS inside ON inside.parcel_id = parcel.id
        WHERE parcel.order_id = held.order_id AND parcel.warehouse_id = held.warehouse_id
        AND inside.product_id = held.product_id AND parcel.status <> 'cancelled'
    ) AS packed ON true
    WHERE held.warehouse_id = :warehouse_id AND held.status = 'allocated'
    AND placed.status IN ('confirmed', 'processing') AND held.quantity > coalesce(packed.quantity, 0)
    {only} ORDER BY placed.number, line.sku LIMIT :most
"""


def _picking(only: str, *values: BindParameter[Any]) -> TextualSelect:
    chosen = text(_PICKING.replace("{only}", only)).bindparams(bindparam("warehouse_id", type_=Id("wh")), *values)
    return chosen.columns(order_id=Id("ord"), product_id=Id("prd"))


_ALL = _picking("")
_CHOSEN = _picking("AND held.order_id = ANY(:order_ids)", bindparam("order_ids", type_=ARRAY(Id("ord"))))


def list_to_pick(
    session: Session, warehouse_id: str, most: int, order_ids: Sequence[str] = ()
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The first `most` lines that are allocated in a warehouse and in no parcel, oldest orders first.

    `order_ids`: only of these orders, unless empty.
    """
    values: dict[str, Any] = {"warehouse_id": warehouse_id, "most": most}
    if order_ids:
        return session.connection().execute(_CHOSEN, {**values, "order_ids": list(order_ids)}).all()
    return session.connection().execute(_ALL, values).all()
