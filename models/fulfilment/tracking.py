"""What carriers report: updates come twice, late and in any order, also of labels that the shop has yet to record.

So every update is stored first, in a transaction of its own. Whoever knows the parcel then applies the newest one: the
webhook, the run that waits for the delivery, or both. Lock order: run → order → parcel.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable import transitions
from durable.ids import new_id
from models.fulfilment.moving import finish_delivery
from models.fulfilment.queries import get_parcel, lock_parcel
from models.fulfilment.tables import PARCEL_STATUS, CarrierUpdate, Parcel, TrackingEvent

MOVING = ("in_transit", "out_for_delivery", "available_for_pickup", "failure")
"""The carrier's statuses of a parcel that is on its way; after a failure, it tries again."""
BECOMES = {**dict.fromkeys(MOVING, "in_transit"), "delivered": "delivered", "return_to_sender": "returned"}
"""The carrier's status → that of the parcel. All others leave it as it is."""
FOLLOWED = 20  # parcels with the same tracking number


class ReportedEvent(TypedDict):
    """What has happened to a parcel; `at`: by the carrier's clock, RFC 3339."""

    status: str
    description: str
    place: str | None
    at: str


class Update(TypedDict):
    """What a carrier reports of a parcel, with everything that has happened so far. `changed_at`: RFC 3339."""

    id: str
    tracking_number: str
    status: str
    changed_at: str
    events: list[ReportedEvent]


def record_update(session: Session, update: Update) -> None:
    """Stores an update. A second call with the same id changes nothing."""
    row = {**update, "changed_at": datetime.fromisoformat(update["changed_at"])}
    session.execute(insert(CarrierUpdate).values(row).on_conflict_do_nothing())


def get_newest_update(session: Session, tracking_number: str) -> CarrierUpdate | None:
    """The newest update of this tracking number, in whatever order they came; None without one."""
    newest = CarrierUpdate.changed_at.desc(), func.jsonb_array_length(CarrierUpdate.events).desc(), CarrierUpdate.id
    query = select(CarrierUpdate).where(CarrierUpdate.tracking_number == tracking_number).order_by(*newest)
    return session.scalars(query.limit(1)).one_or_none()


def list_tracked(session: Session, tracking_number: str) -> Sequence[str]:
    """The newest parcels with this tracking number."""
    query = select(Parcel.id).where(Parcel.tracking_number == tracking_number).order_by(Parcel.id.desc())
    return session.scalars(query.limit(FOLLOWED)).all()


def follow_and_wake(session: Session, parcel_id: str, actor: str) -> Parcel:
    """As `follow`, and wakes the run that waits for the delivery if the parcel has arrived somewhere."""
    run_id = get_parcel(session, parcel_id).delivery_run_id
    run = transitions.lock(session, run_id) if run_id is not None else None  # a step locks its run first, too
    before = get_parcel(session, parcel_id).status
    parcel = follow(session, parcel_id, actor)
    if run is not None and parcel.status != before and parcel.status in ("delivered", "returned"):
        durable.signal(session, run.id, "delivered", {"actor": actor})
    return parcel


def follow(session: Session, parcel_id: str, actor: str) -> Parcel:
    """Applies the newest update of a parcel: appends its events, and moves the parcel. Any repetition changes nothing.

    A parcel that has not left is not moved. The order is delivered when all its parcels are. Raises NotFound.
    """
    order, parcel = lock_parcel(session, parcel_id)
    newest = get_newest_update(session, parcel.tracking_number) if parcel.tracking_number else None
    if newest is None:
        return parcel
    _append(session, parcel, newest.events)
    becomes = BECOMES.get(newest.status)
    if becomes in PARCEL_STATUS.following[parcel.status] and parcel.shipped_at is not None:
        PARCEL_STATUS.move(parcel, becomes)
        if becomes == "delivered":
            finish_delivery(session, order, parcel, actor, at=newest.changed_at)
    session.flush()
    return parcel


def _append(session: Session, parcel: Parcel, events: Sequence[ReportedEvent]) -> None:
    query = select(TrackingEvent.status, TrackingEvent.created_at, TrackingEvent.description, TrackingEvent.place)
    known = {tuple(row) for row in session.execute(query.where(TrackingEvent.parcel_id == parcel.id))}
    for event in events:
        place = event["place"][:200] if event["place"] else None
        row = (event["status"], datetime.fromisoformat(event["at"]), event["description"][:500], place)
        if row not in known:
            known.add(row)
            names = ("status", "created_at", "description", "place")
            session.add(TrackingEvent(id=new_id("trk"), parcel_id=parcel.id, **dict(zip(names, row, strict=True))))
