"""How far each queue has been served, by the database's clock: so a lost message shows, and how long a queue takes."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from celery.app.task import Context
from celery.signals import before_task_publish
from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from durable.database import database_time, statements
from durable.tables import QueueProgress

EVERY = 1.0  # seconds between two notes of a process and queue
_new = insert(QueueProgress).values({name: bindparam(name) for name in ("queue", "published_at", "served")})
_NOTE = _new.on_conflict_do_update(
    index_elements=["queue"],
    set_={
        "published_at": func.greatest(QueueProgress.published_at, _new.excluded.published_at),
        "served": QueueProgress.served + _new.excluded.served,
    },
)
_noted: dict[str, float] = {}  # queue → when this process last noted it
_taken: dict[str, int] = {}  # queue → messages that it has taken since


@before_task_publish.connect
def _stamp(headers: dict[str, object], **_: object) -> None:
    """Says when the message was published, by the database's clock: machines may disagree about the time."""
    now = database_time()
    if now is not None:
        headers["published_at"] = now.timestamp()


def note_served(request: Context, queue: str) -> None:
    """Once a second and queue, notes how far this worker has got. Raises SQLAlchemyError."""
    _taken[queue] = _taken.get(queue, 0) + 1
    published = request.get("published_at")
    if published is not None and time.monotonic() - _noted.get(queue, -EVERY) >= EVERY:
        _noted[queue] = time.monotonic()
        row = {"queue": queue, "published_at": datetime.fromtimestamp(published, UTC), "served": _taken.pop(queue)}
        with statements() as connection:
            connection.execute(_NOTE, row)


def served_so_far(connection: Connection, queues: Sequence[str]) -> dict[str, int]:
    """How many messages workers have taken from each of these queues; noted once a second."""
    query = select(QueueProgress.queue, QueueProgress.served).where(QueueProgress.queue.in_(queues))
    return dict(connection.execute(query).all())
