"""Calls at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from models.core.database import single_statements
from models.core.errors import Conflict, InsufficientStock


def race(calls: Sequence[Callable[[], object]]) -> list[bool]:
    """Makes the calls at the same time; returns which of them were not refused."""

    def one(call: Callable[[], object]) -> bool:
        try:
            call()
        except (Conflict, InsufficientStock):
            return False
        return True

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def is_blocked() -> bool:
    """Whether a transaction waits for a lock."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with single_statements() as connection:
        return bool(connection.scalar(text(waits)))
