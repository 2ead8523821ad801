"""Moving parcels: they leave a warehouse, arrive or are lost. Lock order: run → order → parcel → stock."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import durable
from durable import transitions
from durable.ids import new_id
from models import inventory, orders, payments
from models.core import event_log
from models.core.errors import Conflict
from models.core.events import ParcelDelivered, ParcelShipped
from models.fulfilment.packing import left_to_pack
from models.fulfilment.queries import get_parcel, lines_of, lock_parcel
from models.fulfilment.tables import PARCEL_STATUS, Parcel, TrackingEvent


def ship(session: Session, parcel_id: str, actor: str) -> Parcel:
    """Takes the goods of a parcel out of stock: it has left. Starts the run that waits for its delivery.

    The order is shipped when all its goods have left. Raises Conflict `wrong_state`.
    """
    order, parcel = lock_parcel(session, parcel_id)
    PARCEL_STATUS.move(parcel, "shipped")
    parcel.shipped_at = func.now()
    lines = lines_of(session, parcel_id)
    inventory.ship(session, order.id, parcel.warehouse_id, lines, reference=parcel_id)
    _note(session, parcel, "shipped")
    parcel.delivery_run_id = durable.start(
        session, "delivery", key=parcel_id, input={"parcel_id": parcel_id, "order_id": order.id}
    )
    event_log.emit(session, ParcelShipped(parcel_id=parcel_id, order_id=order.id))
    session.flush()
    is_left = left_to_pack(session, order.id) or inventory.is_waiting(session, order.id)
    if not is_left and not _any(session, order.id, ("pending", "label_bought")):
        orders.change_status(session, order, "shipped", actor=actor)
    return parcel


def deliver(session: Session, parcel_id: str, actor: str) -> Parcel:
    """Records by hand that a parcel was delivered, and wakes the run that waits for it. A second call changes nothing.

    The order is delivered when all its parcels are. Raises NotFound and Conflict `wrong_state`.
    """
    run_id = get_parcel(session, parcel_id).delivery_run_id
    run = transitions.lock(session, run_id) if run_id is not None else None  # a step locks its run first, too
    order, parcel = lock_parcel(session, parcel_id)
    if parcel.status == "delivered":
        return parcel
    PARCEL_STATUS.move(parcel, "delivered")
    _note(session, parcel, "delivered")
    finish_delivery(session, order, parcel, actor)
    if run is not None:
        durable.signal(session, run.id, "delivered", {"actor": actor})
    return parcel


def move_on(session: Session, order: orders.Order, actor: str) -> None:
    """A locked order is shipped once all its goods have left, and delivered once all its parcels are."""
    if order.status == "processing" and not _any(session, order.id, ("pending", "label_bought")):
        held = left_to_pack(session, order.id, ("reserved", "allocated"))
        if held or inventory.is_waiting(session, order.id):
            return
        orders.change_status(session, order, "shipped", actor=actor)
    if order.status == "shipped" and not _any(session, order.id, PARCEL_STATUS.preceding("delivered")):
        orders.change_status(session, order, "delivered", actor=actor)


def finish_delivery(
    session: Session, order: orders.Order, parcel: Parcel, actor: str, at: datetime | None = None
) -> None:
    """What follows the delivery of a locked parcel, now by default: the order is delivered when all its parcels are."""
    parcel.delivered_at = func.now() if at is None else func.least(at, func.now())
    event_log.emit(session, ParcelDelivered(parcel_id=parcel.id, order_id=order.id))
    session.flush()
    if order.status == "shipped" and not _any(session, order.id, PARCEL_STATUS.preceding("delivered")):
        orders.change_status(session, order, "delivered", actor=actor)


def lose(session: Session, parcel_id: str) -> Parcel:
    """Records that a parcel was not delivered in time. Nothing is changed if it was."""
    _, parcel = lock_parcel(session, parcel_id)
    if parcel.status in ("shipped", "in_transit"):
        PARCEL_STATUS.move(parcel, "lost")
        _note(session, parcel, "lost")
    return parcel


def cancel(session: Session, parcel_id: str, actor: str) -> Parcel:
    """Cancels a parcel that has not left. Its goods stay allocated to the order; a second call changes nothing.

    The order is confirmed again if it has no other parcel. Raises Conflict `wrong_state`.
    """
    order, parcel = lock_parcel(session, parcel_id)
    if parcel.status == "cancelled":
        return parcel
    PARCEL_STATUS.move(parcel, "cancelled")
    _note(session, parcel, "cancelled")
    order.parcels -= 1
    if order.status == "processing" and order.parcels == 0:
        orders.change_status(session, order, "confirmed", actor=actor)
    return parcel


def withdraw(session: Session, parcel_id: str) -> Parcel:
    """Cancels the run that ships a parcel, which then cancels the parcel.

    Raises NotFound, RunConflict once the payment is captured, and Conflict `capture_in_progress`: what becomes of a
    capture whose run is cancelled meanwhile would never be recorded.
    """
    parcel = get_parcel(session, parcel_id)
    durable.cancel(session, parcel.run_id)  # locks the run, under whose lock a capture begins
    pending = payments.find_pending(session, payments.find_first_payment(session, parcel.order_id), "capture")
    if pending is not None and pending.run_id == parcel.run_id:
        raise Conflict("The payment is being captured.", code="capture_in_progress", task_id=parcel.run_id)
    return parcel


def _any(session: Session, order_id: str, statuses: tuple[str, ...]) -> bool:
    found = select(Parcel.id).where(Parcel.order_id == order_id, Parcel.status.in_(statuses)).limit(1)
    return session.scalars(found).first() is not None


def _note(session: Session, parcel: Parcel, status: str) -> None:
    session.add(TrackingEvent(id=new_id("trk"), parcel_id=parcel.id, status=status))
