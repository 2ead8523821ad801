"""What staff change of an order by hand: its note, its tags, and its status, with what the status says of its goods."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from durable import transitions
from models import orders
from models.core.errors import Conflict
from models.fulfilment.moving import deliver
from models.fulfilment.packing import left_to_pack, pack
from models.fulfilment.queries import list_parcels
from models.fulfilment.tables import PARCEL_STATUS
from models.orders import ORDER_STATUS, Order

BY_HAND = ("processing", "shipped", "delivered", "cancelled")
"""Statuses that staff can set. An order is confirmed by its checkout, and returned by returns."""


def edit(
    session: Session, order_id: str, *, actor: str, status: str | None = None, note: str | None = None,
    tags: Sequence[str] | None = None,
) -> tuple[Order, list[str]]:  # fmt: skip
    """Changes an order, and returns the runs that ship its goods. `None` leaves a value as it is.

    `shipped`: what is in no parcel is packed, without a tracking number, and shipped; the order follows once the
    parcels have left. `delivered`: all parcels are. `cancelled` starts the order's `cancellation`. Raises NotFound, and
    Conflict `wrong_state` with what is `possible`, `has_parcels`, or `nothing_to_ship`.
    """
    if status == "delivered":
        _deliver(session, order_id, actor)
    order = orders.annotate(session, order_id, note=note, tags=tags)
    if status in (None, order.status):
        return order, []
    possible = [new for new in ORDER_STATUS.following[order.status] if new in BY_HAND and order.status != "pending"]
    if status not in possible:
        detail = f"This order is {order.status}; it cannot become {status} by hand."
        raise Conflict(detail, code="wrong_state", current=order.status, possible=possible)
    if status == "cancelled":
        return orders.cancel_confirmed(session, order_id, actor=actor, is_staff=True, reason=None)[0], []
    if status == "shipped":
        return order, _ship(session, order, actor)
    orders.change_status(session, order, str(status), actor=actor)
    return order, []


def ship_all(session: Session, order_id: str, *, actor: str, buys_labels: bool) -> list[str]:
    """Packs what is in no parcel, a parcel for each warehouse, and returns the runs of all that are still to leave.

    `buys_labels`: from the carrier; otherwise the parcels have no tracking number. Raises NotFound, and Conflict
    `wrong_state`, `nothing_to_ship`, `no_carrier` or `no_sender_address`.
    """
    order = orders.lock(session, order_id)
    if order.status not in ("confirmed", "processing"):
        raise ORDER_STATUS.refusal(order.status)
    return _ship(session, order, actor, None if buys_labels else "")


def _ship(session: Session, order: Order, actor: str, tracking_number: str | None = "") -> list[str]:
    """The runs of the parcels that are still to leave, of which one per warehouse is new."""
    for warehouse_id, lines in left_to_pack(session, order.id).items():
        pack(session, order.id, lines=lines, warehouse_id=warehouse_id, tracking_number=tracking_number, actor=actor)
    runs = [parcel.run_id for parcel in list_parcels(session, order.id) if parcel.status in ("pending", "label_bought")]
    if not runs:
        raise Conflict("Nothing is allocated to this order.", code="nothing_to_ship", left=[])
    return runs


def _deliver(session: Session, order_id: str, actor: str) -> None:
    """Delivers the parcels of a shipped order, which makes it delivered."""
    if orders.get(session, order_id).status != "shipped":
        return
    under_way = [p for p in list_parcels(session, order_id) if p.status in PARCEL_STATUS.preceding("delivered")]
    for parcel in under_way:
        if parcel.delivery_run_id is not None:
            transitions.lock(session, parcel.delivery_run_id)  # all runs before the order, as in `deliver`
    for parcel in under_way:
        deliver(session, parcel.id, actor)
