"""A step's own time limit, within Celery's: it raises in the middle of the work, so that the attempt is recorded."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from durable.errors import StepTimeout


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises StepTimeout in the block after so many seconds; None: never. Works in a process' main thread, which is
    where Celery's pool of processes performs tasks."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(*_: Any) -> None:
        raise StepTimeout(f"it has taken longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
