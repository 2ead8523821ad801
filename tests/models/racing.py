"""Calls at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

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
