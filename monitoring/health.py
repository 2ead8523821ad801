"""Whether the shop can do its work now: its database, its broker, a worker for every queue, and what it calls."""

import time

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from durable.breaker import open_breakers
from durable.dispatcher import seconds_since_sweep
from durable.publishing import broker_errors
from models.core.database import single_statements, transaction
from settings import QUEUES
from workflows.app import app

OVERDUE = 30.0  # seconds without a sweep
KEPT = 5.0  # seconds that an answer holds, so that asking often costs little

_known: tuple[float, dict[str, str | None]] = (-KEPT, {})


def ready() -> dict[str, str | None]:
    """Each part the shop can't do without, and its fault in a few words, or None if it is fine."""
    global _known
    since, answer = _known
    if time.monotonic() - since >= KEPT or any(answer.values()):
        answer = {"database": _database(), "broker": _broker()}
        answer["workers"] = "not asked: the broker is away" if answer["broker"] else _workers()
        answer["dispatchers"] = "not asked: the database is away" if answer["database"] else _dispatchers()
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


def _dispatchers() -> str | None:
    """Whether a sweep has succeeded lately. Without one no run goes on that was lost or has failed."""
    with transaction() as session:
        since = seconds_since_sweep(session)
    if since is None:
        return "no dispatcher has ever looked for runs"
    return f"the last sweep that succeeded was {since:.0f} s ago" if since > OVERDUE else None


def degraded() -> dict[str, str]:
    """Services that do not answer, so that the steps that call them wait: the name of their queue, and what was heard.

    Everything else goes on without them. Nothing is known of them while the database is away.
    """
    try:
        with single_statements() as connection:
            return open_breakers(connection)
    except (OperationalError, NoConnectionFree):
        return {}


def _workers() -> str | None:
    """Asks every worker which queues it consumes."""
    try:
        replies = app.control.inspect(timeout=0.7).active_queues() or {}
    except broker_errors() as error:
        return f"not asked: {error}"
    consumed = {queue["name"] for queues in replies.values() for queue in queues}
    missing = [queue for queue in QUEUES if queue not in consumed]
    return f"nobody consumes {', '.join(missing)}" if missing else None
