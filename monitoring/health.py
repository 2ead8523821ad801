"""Readiness: the database and its storage, the broker, a worker for every queue, dispatchers, and external services."""

import math
import threading
import time

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from durable.breaker import open_breakers
from durable.dispatcher import seconds_since_sweep
from durable.publishing import broker_errors
from models.core.database import single_statements, transaction
from monitoring import storage
from settings import QUEUES
from workflows.app import app

OVERDUE = 30.0  # seconds without a sweep
CACHE_SECONDS = 5.0  # seconds for which a result is cached
LONGEST_CHECK = 10.0  # seconds; while another thread checks, an older result does not count

_cached: tuple[float, dict[str, str | None]] = (-math.inf, {})
_checking = threading.Lock()


def ready() -> dict[str, str | None]:
    """Component → fault, or None if it is available.

    One thread of the process checks at a time; others get the previous answer, or wait if there is no recent one. Each
    check holds two of Celery's pooled connections, so that many at once would wait for each other without end, and all
    that publish with them.
    """
    global _cached
    since, answer = _cached
    if time.monotonic() - since < CACHE_SECONDS and not any(answer.values()):
        return answer
    if not _checking.acquire(blocking=time.monotonic() - since > LONGEST_CHECK):
        return answer
    try:
        if _cached[0] == since:  # otherwise another thread has checked while this one waited
            _cached = (time.monotonic(), _check())
        return _cached[1]
    finally:
        _checking.release()


def _check() -> dict[str, str | None]:
    answer = {"database": _database(), "broker": _broker()}
    answer["storage"] = "not checked: the database is unavailable" if answer["database"] else storage.fault()
    answer["workers"] = "not checked: the broker is unavailable" if answer["broker"] else _workers()
    answer["dispatchers"] = "not checked: the database is unavailable" if answer["database"] else _dispatchers()
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
    """Checks that a sweep has succeeded recently. Without sweeps, lost and failed runs are not resumed."""
    with transaction() as session:
        since = seconds_since_sweep(session)
    if since is None:
        return "no dispatcher has ever swept"
    return f"the last successful sweep was {since:.0f} s ago" if since > OVERDUE else None


def degraded() -> dict[str, str]:
    """External services that do not respond: queue → last error. Steps that call them wait.

    Everything else continues without them. Empty while the database is unavailable.
    """
    try:
        with single_statements() as connection:
            return open_breakers(connection)
    except (OperationalError, NoConnectionFree):
        return {}


def _workers() -> str | None:
    """Checks that every queue has a worker."""
    try:
        replies = app.control.inspect(timeout=0.7).active_queues() or {}
    except broker_errors() as error:
        return f"not checked: {error}"
    consumed = {queue["name"] for queues in replies.values() for queue in queues}
    missing = [queue for queue in QUEUES if queue not in consumed]
    return f"no worker consumes {', '.join(missing)}" if missing else None
