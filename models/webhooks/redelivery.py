"""The delivery log, and deliveries that staff ask for again: of one event, or of a period."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import first_id, new_id
from models.core.errors import Conflict, Invalid, NotFound
from models.core.event_feed import PublicEvent
from models.core.event_log import Event
from models.webhooks.endpoints import get_endpoint
from models.webhooks.tables import Delivery, Endpoint

MAX_EVENTS = 10_000
"""Events that one request can ask for."""


def list_deliveries(endpoint_id: str, status: str | None = None, type: str | None = None) -> Select[Delivery]:
    """The query for deliveries to an endpoint, of a status and a type of event if given. The caller orders it."""
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id)
    if type is not None:
        query = query.where(Delivery.type == type)
    if status == "pending":
        return query.where(Delivery.due_at.is_not(None))
    if status is not None:
        return query.where(Delivery.due_at.is_(None), Delivery.succeeded == (status == "succeeded"))
    return query


def requests_of(session: Session, deliveries: Sequence[Delivery]) -> dict[str, dict[str, Any]]:
    """Event id → the body that is sent, for events that still exist."""
    found = session.scalars(select(Event).where(Event.id.in_({delivery.event_id for delivery in deliveries})))
    return {
        event.id: PublicEvent(
            event.id, event.name, event.version or 1, event.position or 0, event.subject or "", event.created_at,
            event.payload,
        ).envelope()
        for event in found
    }  # fmt: skip


def get_delivery(session: Session, delivery_id: str, *, lock: bool = False) -> Delivery:
    """Returns a delivery, with `lock` locked. Raises NotFound."""
    query = select(Delivery).where(Delivery.id == delivery_id)
    delivery = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if delivery is None:
        raise NotFound("No such delivery.")
    return delivery


def redeliver(session: Session, delivery_id: str) -> Delivery:
    """Delivers an event again, at once and under its id. Raises NotFound, and Conflict `endpoint_disabled`."""
    delivery = get_delivery(session, delivery_id, lock=True)
    _check(get_endpoint(session, delivery.endpoint_id))
    delivery.attempts, delivery.begun_at, delivery.succeeded = 0, None, False
    delivery.due_at = func.now()
    session.flush()
    session.refresh(delivery)
    return delivery


MARGIN = 3600  # seconds by which an id may be older than its event, or younger
_AGAIN = insert(Delivery)
_AGAIN = _AGAIN.on_conflict_do_update(
    index_elements=["endpoint_id", "event_id"],
    set_={"attempts": 0, "begun_at": None, "succeeded": False, "due_at": _AGAIN.excluded.due_at},
    where=Delivery.due_at.is_(None),
)


def redeliver_period(session: Session, endpoint_id: str, since: datetime, until: datetime) -> int:
    """Delivers the events of a period again, those included that were not delivered because the endpoint was disabled.

    Returns their number. Raises NotFound, Conflict `endpoint_disabled`, and Invalid `too_many_events`.
    """
    endpoint = get_endpoint(session, endpoint_id)
    _check(endpoint)
    period = [
        Event.id >= _id_at(since.timestamp() - MARGIN), Event.id < _id_at(until.timestamp() + MARGIN),
        Event.created_at >= since, Event.created_at < until, Event.position.is_not(None),
        Event.name.in_(endpoint.wanted),
    ]  # fmt: skip
    columns = Event.id.label("event_id"), Event.position, Event.name.label("type")
    found = session.execute(
        select(*columns).where(*period).order_by(Event.position).limit(MAX_EVENTS + 1)
    ).mappings().all()  # fmt: skip
    if len(found) > MAX_EVENTS:
        detail = f"The period has more than {MAX_EVENTS} events. Ask for a shorter one."
        raise Invalid(detail, code="too_many_events", errors={"to": [detail]})
    due_at = session.scalars(select(func.now())).one()
    rows = [{"id": new_id("whd"), "endpoint_id": endpoint_id, "due_at": due_at, **event} for event in found]
    if rows:
        session.connection().execute(_AGAIN, rows)
    return len(rows)


def _id_at(seconds: float) -> str:
    return first_id(datetime.fromtimestamp(max(seconds, 0)))


def _check(endpoint: Endpoint) -> None:
    if endpoint.status == "disabled":
        raise Conflict("The endpoint is disabled. Enable it first.", code="endpoint_disabled")
