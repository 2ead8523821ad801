"""What the deliverer reads and records: targets, deliveries that have not ended, and the results of attempts.

Only one process delivers at a time. It keeps in memory what it works on; a delivery gets a row when it has ended, or
has failed for the first time, or waits behind one that has. An endpoint's cursor is below every event without a row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Float,
    Integer,
    String,
    bindparam,
    func,
    select,
    text,
    true,
    update,
)  # fmt: skip
from sqlalchemy.orm import Session

from durable.ids import Id, new_id
from models.core import event_log
from models.core.event_feed import PublicEvent
from models.core.event_log import Event
from models.core.events import SHOP_TYPES, WebhookDisabled
from models.webhooks.tables import Delivery, Endpoint
from settings import settings


class Target(NamedTuple):
    """An enabled endpoint, as the deliverer needs it. `types`: those it receives. `secrets`: the current one first."""

    id: str
    url: str
    types: tuple[str, ...]
    secrets: tuple[str, ...]
    cursor: int
    failing: bool


@dataclass
class Known:
    """A delivery that has a row, or gets one. `due`: seconds until its next attempt; None: it has ended.

    `age`: seconds since its first attempt; None: there was none.
    """

    endpoint_id: str
    event_id: str
    position: int
    type: str
    attempts: int = 0
    due: float | None = 0.0
    age: float | None = None
    succeeded: bool = False
    url: str | None = None
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None
    duration: int | None = None


class Pending(NamedTuple):
    """A delivery that has not ended, with its event; None: the event was deleted."""

    known: Known
    event: PublicEvent | None


_SECRETS = (
    Endpoint.secret,
    func.coalesce(Endpoint.previous_secret, "").label("previous"),
    (func.coalesce(Endpoint.previous_until > func.clock_timestamp(), False)).label("overlaps"),
)


def load_targets(session: Session) -> list[Target]:
    """The enabled endpoints."""
    columns = (Endpoint.id, Endpoint.url, Endpoint.types, Endpoint.cursor, Endpoint.failing_since, *_SECRETS)
    rows = session.execute(select(*columns).where(Endpoint.deleted_at.is_(None), Endpoint.disabled_at.is_(None)))
    return [
        Target(
            row.id, row.url, tuple(row.types) or SHOP_TYPES,
            (row.secret, row.previous) if row.overlaps else (row.secret,), row.cursor, row.failing_since is not None,
        )
        for row in rows
    ]  # fmt: skip


def waiting(session: Session, limit: int = 5000) -> list[tuple[str, str]]:
    """Endpoint and event of deliveries that were never attempted, among them those that staff have asked for: of each
    enabled endpoint the first ones, in the order of the feed."""
    of_endpoint = select(Delivery.event_id, Delivery.position).where(
        Delivery.endpoint_id == Endpoint.id, Delivery.due_at.is_not(None), Delivery.attempts == 0
    )
    first = of_endpoint.order_by(Delivery.position).limit(limit).lateral("first")
    enabled = Endpoint.deleted_at.is_(None), Endpoint.disabled_at.is_(None)
    query = select(Endpoint.id, first.c.event_id).join(first, true()).where(*enabled)
    return [(endpoint_id, event_id) for endpoint_id, event_id in session.execute(
        query.order_by(Endpoint.id, first.c.position)
    )]  # fmt: skip


def load_pending(session: Session, endpoint_id: str, limit: int, events: Sequence[str] | None = None) -> list[Pending]:
    """Deliveries of an endpoint that have not ended, in the order of the feed; of these events, if given."""
    seconds = func.extract("epoch", Delivery.due_at - func.clock_timestamp())
    age = func.extract("epoch", func.clock_timestamp() - Delivery.begun_at)
    query = (
        select(Delivery, seconds.label("due"), age.label("age"), Event)
        .outerjoin(Event, Event.id == Delivery.event_id)
        .where(Delivery.endpoint_id == endpoint_id, Delivery.due_at.is_not(None))
        .order_by(Delivery.position)
        .limit(limit)
    )
    if events is not None:
        query = query.where(Delivery.event_id.in_(events))
    return [_pending(*row) for row in session.execute(query)]


def _pending(delivery: Delivery, due: float, age: float | None, event: Event | None) -> Pending:
    known = Known(
        delivery.endpoint_id, delivery.event_id, delivery.position, delivery.type, delivery.attempts,
        max(float(due), 0.0), None if age is None else float(age),
    )  # fmt: skip
    if event is None:
        return Pending(known, None)
    assert event.version is not None
    assert event.position is not None
    about = (event.id, event.name, event.version, event.position, event.subject or "")
    return Pending(known, PublicEvent(*about, event.created_at, event.payload))


_COLUMNS: dict[str, object] = {
    "id": Id("whd"), "endpoint_id": Id("whe"), "event_id": Id("evt"), "position": BigInteger, "type": String,
    "attempts": Integer, "succeeded": Boolean, "due": Float, "age": Float, "url": String, "response_status": Integer,
    "response_body": String, "error": String, "duration": Integer,
}  # fmt: skip
# In the order in which `redeliver_period` locks rows, so that they do not wait for each other in a circle.
_RECORD = text(f"""
    INSERT INTO webhooks.delivery AS known (id, endpoint_id, event_id, position, type, attempts, succeeded, due_at,
        begun_at, attempted_at, url, response_status, response_body, error, duration)
    SELECT id, endpoint_id, event_id, position, type, attempts, succeeded,
        clock_timestamp() + make_interval(secs => due), clock_timestamp() - make_interval(secs => age),
        CASE WHEN attempts > 0 THEN clock_timestamp() END, url, response_status, response_body, error, duration
    FROM unnest({", ".join(f":{name}" for name in _COLUMNS)}) AS given ({", ".join(_COLUMNS)})
    ORDER BY endpoint_id, position
    ON CONFLICT (endpoint_id, event_id) DO UPDATE SET attempts = excluded.attempts, succeeded = excluded.succeeded,
        due_at = excluded.due_at, begun_at = excluded.begun_at, attempted_at = excluded.attempted_at,
        url = excluded.url, response_status = excluded.response_status, response_body = excluded.response_body,
        error = excluded.error, duration = excluded.duration
""").bindparams(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _COLUMNS.items()))  # type: ignore[arg-type]  # noqa: S608, constants only


def record(
    session: Session, deliveries: Sequence[Known], cursors: Iterable[tuple[str, int]], healthy: Iterable[str],
    failing: Iterable[str], gone: Iterable[str],
) -> None:  # fmt: skip
    """Records deliveries, and the cursors of endpoints. `healthy`: those that have accepted something since the last
    call; `failing`: those that have only failed; `gone`: those that have answered 410.

    Disables those that are gone, or have failed for `SHOP_WEBHOOKS_DISABLE_DAYS`.
    """
    if deliveries:
        values = {name: [getattr(one, name) for one in deliveries] for name in _COLUMNS if name != "id"}
        session.connection().execute(_RECORD, {"id": [new_id("whd") for _ in deliveries], **values})
    for endpoint_id, cursor in cursors:
        move = update(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.cursor < cursor)
        session.execute(move.values(cursor=cursor))
    for endpoint_id in healthy:
        recovered = update(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.failing_since.is_not(None))
        session.execute(recovered.values(failing_since=None))
    for endpoint_id in failing:
        began = func.coalesce(Endpoint.failing_since, func.clock_timestamp())
        session.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(failing_since=began))
    for endpoint_id in gone:
        _disable(session, "The endpoint has answered 410 (gone).", Endpoint.id == endpoint_id)
    limit = func.clock_timestamp() - timedelta(days=settings.webhooks_disable_days)
    if failing:
        detail = f"Every delivery has failed for {settings.webhooks_disable_days:g} days."
        _disable(session, detail, Endpoint.failing_since < limit)


def _disable(session: Session, reason: str, which: object) -> None:
    """Disables endpoints, and notifies staff by the event."""
    off = (
        update(Endpoint)
        .where(which, Endpoint.disabled_at.is_(None), Endpoint.deleted_at.is_(None))  # type: ignore[arg-type]
        .values(disabled_at=func.now(), disabled_because=reason, updated_at=func.now())
        .returning(Endpoint.id)
    )
    for endpoint_id in session.scalars(off).all():
        event_log.emit(session, WebhookDisabled(endpoint_id=endpoint_id, reason=reason))
