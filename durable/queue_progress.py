"""Progress of the queues, by the database's clock, to detect lost messages and measure throughput."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from celery.app.task import Context
from celery.signals import before_task_publish
from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from durable import config
from durable.database import database_time, statements
from durable.tables import QueueProgress

EVERY = 1.0  # seconds between records per process and queue
_new = insert(QueueProgress).values({name: bindparam(name) for name in ("queue", "published_at", "served")})
_NOTE = _new.on_conflict_do_update(
    index_elements=["queue"],
    set_={
        "published_at": func.greatest(QueueProgress.published_at, _new.excluded.published_at),
        "served": QueueProgress.served + _new.excluded.served,
    },
)
_recorded_at: dict[str, float] = {}  # queue → time of this process's last record
_taken: dict[str, int] = {}  # queue → messages received since


@before_task_publish.connect
def _stamp(headers: dict[str, object], **_: object) -> None:
    """Adds the publication time by the database's clock to a message, because machines' clocks may differ."""
    now = database_time()
    if now is not None:
        headers["published_at"] = now.timestamp()


def record_served(request: Context, queue: str) -> None:
    """Records the progress of this worker, once a second per queue. Raises SQLAlchemyError."""
    _taken[queue] = _taken.get(queue, 0) + 1
    published, now = request.get("published_at"), database_time()
    if published is not None and now is not None:
        config.options().observer.message_taken(queue, now.timestamp() - published)
    if published is not None and time.monotonic() - _recorded_at.get(queue, -EVERY) >= EVERY:
        _recorded_at[queue] = time.monotonic()
        row = {"queue": queue, "published_at": datetime.fromtimestamp(published, UTC), "served": _taken.pop(queue)}
        with statements() as connection:
            connection.execute(_NOTE, row)


def served_so_far(connection: Connection, queues: Sequence[str]) -> dict[str, int]:
    """Queue → messages received by workers in total; recorded once a second."""
    query = select(QueueProgress.queue, QueueProgress.served).where(QueueProgress.queue.in_(queues))
    return dict(connection.execute(query).all())
