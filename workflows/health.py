"""Whether the shop can do its work now: its database, its broker, and a worker for every queue."""

import time

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from models.database import transaction
from settings import QUEUES
from tasks.app import app
from workflows.publishing import broker_errors

KEPT = 5.0  # seconds that an answer holds, so that asking often costs little

_known: tuple[float, dict[str, str | None]] = (-KEPT, {})


def ready() -> dict[str, str | None]:
    """Each part the shop can't do without, and its fault in a few words, or None if it is fine."""
    global _known
    since, answer = _known
    if time.monotonic() - since >= KEPT or any(answer.values()):
        answer = {"database": _database(), "broker": _broker()}
        answer["workers"] = "not asked: the broker is away" if answer["broker"] else _workers()
        _known = (time.monotonic(), answer)
    return answer


def _database() -> str | None:
    try:
        with transaction() as session:
            session.execute(text("SET LOCAL statement_timeout = '2s'"))
            session.execute(text("SELECT 1"))
    except OperationalError as error:
        return str(error.orig).splitlines()[0]
    except NoConnectionFree:
        return "no connection is free"
    return None


def _broker() -> str | None:
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except broker_errors() as error:
        return str(error)
    return None


def _workers() -> str | None:
    """Asks every worker which queues it consumes."""
    try:
        replies = app.control.inspect(timeout=0.7).active_queues() or {}
    except broker_errors() as error:
        return f"not asked: {error}"
    consumed = {queue["name"] for queues in replies.values() for queue in queues}
    missing = [queue for queue in QUEUES if queue not in consumed]
    return f"nobody consumes {', '.join(missing)}" if missing else None
