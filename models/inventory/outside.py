"""Outside reservations: stock that is held for an order of another system, such as a marketplace or a till.

The units are those of an order: rows of `inventory.reservation`, under the UUID of the outside reservation. They are
held until the other system ships or releases them, or until they expire, of which the run takes care. Lock order:
run → outside reservation → stock.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

import durable
from durable import transitions
from durable.ids import new_id
from models import catalogue
from models.core import event_log
from models.core.errors import Conflict, NotFound
from models.core.events import ReservationReleased
from models.core.quotas import lock_name
from models.inventory.outside_tables import OUTSIDE_STATUS, OutsideReservation
from models.inventory.reservations import allocate, release, reserve, ship
from models.inventory.tables import Reservation, Stock

REASON = "outside sale"
"""The reason of stock movements for outside orders; the audit compares them."""


class OutsideLine(NamedTuple):
    """Units of a product that are held, or were, in one warehouse."""

    product_id: str
    sku: str
    title: str
    warehouse_id: str
    quantity: int


def hold(
    session: Session, reference: str, lines: Mapping[str, int], seconds: float, owner: str | None = None
) -> OutsideReservation:
    """Holds `lines` (product id → units) for an outside order, all or none, for `seconds`. Starts the run.

    Only of available units: nothing is sold beyond stock. Not idempotent. Raises NotFound with `products`, Conflict
    (`product_unavailable` with `products`, `already_reserved` with `reservation_id` while units are held for the same
    reference), and InsufficientStock with `lines`.
    """
    _check_sold(session, lines)
    lock_name(session, f"outside reservation {reference}")
    is_held = OutsideReservation.reference == reference, OutsideReservation.status == "held"
    if earlier := session.scalar(select(OutsideReservation.id).where(*is_held)):
        detail = "Stock is held for this reference already. Release that reservation first."
        raise Conflict(detail, code="already_reserved", reservation_id=earlier)
    made_id = new_id("res")
    about = {"reservation_id": made_id}
    run_id = durable.start(session, "outside_reservation", key=made_id, input=about, owner=owner)
    made = OutsideReservation(
        id=made_id, reference=reference, status="held", units=sum(lines.values()), run_id=run_id,
        expires_at=func.clock_timestamp() + timedelta(seconds=seconds),
    )  # fmt: skip
    session.add(made)
    session.flush()
    reserve(session, order_id_of(made_id), lines, beyond_stock=False)
    session.refresh(made)
    return made


def _check_sold(session: Session, lines: Mapping[str, int]) -> None:
    product = catalogue.Product
    found = dict(session.execute(select(product.id, product.deleted_at).where(product.id.in_(lines))).all())
    if unknown := sorted(set(lines) - set(found)):
        raise NotFound("No such products.", products=unknown)
    if gone := sorted(product_id for product_id, deleted_at in found.items() if deleted_at is not None):
        raise Conflict("These products are no longer sold.", code="product_unavailable", products=gone)


def release_held(session: Session, reservation_id: str) -> OutsideReservation:
    """Releases the units that are held: they are available at once. Idempotent, also after the reservation expired.

    Raises NotFound, and Conflict `wrong_state` once it has shipped.
    """
    held = _lock_with_run(session, reservation_id)
    if held.status not in ("released", "expired"):
        _release(session, held, "released")
        _end_run(session, held)
    return held


def ship_held(session: Session, reservation_id: str) -> OutsideReservation:
    """Takes the units out of stock, with a movement each: the other system sends them. Idempotent.

    Raises NotFound, and Conflict `wrong_state` once it was released or has expired.
    """
    held = _lock_with_run(session, reservation_id)
    if held.status == "shipped":
        return held
    _move(held, "shipped")
    order_id = order_id_of(held.id)
    _lock_levels(session, order_id)
    allocate(session, order_id)
    for warehouse_id, lines in _by_warehouse(session, order_id).items():
        ship(session, order_id, warehouse_id, lines, reference=held.id, reason=REASON)
    _end_run(session, held)
    return held


def check_held(session: Session, reservation_id: str) -> OutsideReservation:
    """The outside reservation, whose run the caller has locked. Raises Conflict `reservation_expired`."""
    held = _lock(session, reservation_id)
    now = session.scalars(select(func.clock_timestamp())).one()
    if held.status == "held" and now >= held.expires_at:
        raise Conflict("The goods were neither shipped nor released in time.", code="reservation_expired")
    return held


def close_held(session: Session, reservation_id: str, error: Mapping[str, object]) -> OutsideReservation:
    """Releases the units of a reservation whose run ends with this error: it has expired or was cancelled.

    Idempotent.
    """
    held = _lock(session, reservation_id)
    if held.status == "held":
        _release(session, held, "expired" if error["code"] == "reservation_expired" else "released")
    return held


def get_outside(session: Session, reservation_id: str) -> OutsideReservation:
    """The outside reservation. Raises NotFound."""
    found = session.get(OutsideReservation, reservation_id)
    if found is None:
        raise NotFound("No such reservation.")
    return found


def get_outside_lines(session: Session, reservation_ids: Sequence[str]) -> dict[str, list[OutsideLine]]:
    """Outside reservation → its lines, sorted by SKU and warehouse."""
    by_order = {order_id_of(one): one for one in reservation_ids}
    found: dict[str, list[OutsideLine]] = {one: [] for one in reservation_ids}
    product = catalogue.Product
    query = select(
        Reservation.order_id, product.id, product.sku, product.title, Reservation.warehouse_id, Reservation.quantity
    ).join(product, product.id == Reservation.product_id)
    query = query.where(Reservation.order_id.in_(by_order)).order_by(product.sku, Reservation.warehouse_id)
    for order_id, product_id, sku, title, warehouse_id, quantity in session.execute(query):
        found[by_order[order_id]].append(OutsideLine(product_id, sku, title, warehouse_id, quantity))
    return found


def select_outside(status: str | None = None, reference: str | None = None) -> Select[OutsideReservation]:
    """The query for outside reservations. The caller orders it."""
    query = select(OutsideReservation)
    if status:
        query = query.where(OutsideReservation.status == status)
    if reference:
        query = query.where(OutsideReservation.reference == reference)
    return query


def order_id_of(reservation_id: str) -> str:
    """What `Reservation` calls it: an order id with the same UUID, which no order has."""
    return f"ord_{reservation_id.removeprefix('res_')}"


def _release(session: Session, held: OutsideReservation, status: str) -> None:
    _move(held, status)
    release(session, order_id_of(held.id))
    event_log.emit(session, ReservationReleased(reservation_id=held.id, reference=held.reference, status=status))


def _end_run(session: Session, held: OutsideReservation) -> None:
    if transitions.lock(session, held.run_id) is not None:
        durable.signal(session, held.run_id, "ended", {})
    session.refresh(held)


def _lock_levels(session: Session, order_id: str) -> None:
    """In the order of all others: `ship` locks those of one warehouse after the other."""
    here = Reservation.product_id == Stock.product_id, Reservation.warehouse_id == Stock.warehouse_id
    query = select(Stock.product_id).where(select(Reservation).where(*here, Reservation.order_id == order_id).exists())
    session.execute(query.order_by(Stock.product_id, Stock.warehouse_id).with_for_update())


def _by_warehouse(session: Session, order_id: str) -> dict[str, dict[str, int]]:
    """Warehouse → product → units."""
    found: dict[str, dict[str, int]] = {}
    held = select(Reservation).where(Reservation.order_id == order_id)
    for row in session.scalars(held.order_by(Reservation.warehouse_id, Reservation.product_id)):
        found.setdefault(row.warehouse_id, {})[row.product_id] = row.quantity
    return found


def _move(held: OutsideReservation, status: str) -> None:
    OUTSIDE_STATUS.move(held, status)
    held.updated_at = func.now()


def _lock_with_run(session: Session, reservation_id: str) -> OutsideReservation:
    transitions.lock(session, get_outside(session, reservation_id).run_id)  # a step locks its run first, too
    return _lock(session, reservation_id)


def _lock(session: Session, reservation_id: str) -> OutsideReservation:
    query = select(OutsideReservation).where(OutsideReservation.id == reservation_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()
