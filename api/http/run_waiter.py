"""Waiting for a run to end: one LISTEN connection per process, and a bounded number of threads that wait on it."""

import logging
import select
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from durable import store
from models.core.database import CONNECTION
from settings import settings

log = logging.getLogger(__name__)

MAX_WAIT = 30.0  # seconds
_places = threading.BoundedSemaphore(settings.api_threads * 2 // 3)  # the other threads stay free for others
_streams = threading.BoundedSemaphore(max(settings.api_threads // 6, 1))  # half of what is left


class _Waiter:
    """One who waits for a run: woken by `event`, and `told` if that was because the run has ended."""

    def __init__(self) -> None:
        self.event, self.told = threading.Event(), False


class _Listener(threading.Thread):
    """Wakes the waiters of a run when PostgreSQL notifies of its end, and everybody after a lost connection."""

    def __init__(self) -> None:
        super().__init__(name="run-listener", daemon=True)
        self.waiters: defaultdict[str, list[_Waiter]] = defaultdict(list)
        self.guard = threading.Lock()

    def run(self) -> None:
        while True:
            try:
                self._listen()
            except psycopg.OperationalError as error:
                log.warning("lost the connection that listens for the end of runs: %s", error)
            self._wake_all()
            time.sleep(1)

    def _listen(self) -> None:
        url = settings.database.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True, application_name="shopflow-listen", **CONNECTION) as connection:
            connection.execute(f"LISTEN {store.ENDED}")
            self._wake_all()  # whatever ended while nobody listened
            while True:
                select.select([connection], [], [], 5)
                for notification in connection.notifies(timeout=0):
                    self._wake(notification.payload)
                if connection.closed or connection.broken:
                    raise psycopg.OperationalError("the connection is closed")

    def _wake(self, run_id: str) -> None:
        with self.guard:
            for waiter in self.waiters.get(run_id, ()):
                waiter.told = True
                waiter.event.set()

    def _wake_all(self) -> None:
        with self.guard:
            for waiters in self.waiters.values():
                for waiter in waiters:
                    waiter.event.set()

    @contextmanager
    def woken_by(self, run_id: str) -> Iterator[_Waiter]:
        waiter = _Waiter()
        with self.guard:
            self.waiters[run_id].append(waiter)
        try:
            yield waiter
        finally:
            with self.guard:
                self.waiters[run_id].remove(waiter)
                if not self.waiters[run_id]:
                    del self.waiters[run_id]


_listener: _Listener | None = None
_start = threading.Lock()


def _listening() -> _Listener:
    global _listener
    with _start:
        if _listener is None or not _listener.is_alive():  # the first waiter of this process, or a forked one
            _listener = _Listener()
            _listener.start()
    return _listener


def wait_for_end(run_id: str, seconds: float, has_ended: Callable[[], bool]) -> None:
    """Returns when the run has ended, after `seconds` (at most 30), or at once if too many wait already.

    `has_ended` asks the database. It is asked after the ear is on, so that no end slips through, and again
    when the ear was off for a while. A notification of the end itself needs no asking.
    """
    until = time.monotonic() + min(seconds, MAX_WAIT)
    if seconds <= 0 or not _places.acquire(blocking=False):
        return
    try:
        with _listening().woken_by(run_id) as waiter:
            while not (waiter.told or has_ended()) and waiter.event.wait(max(until - time.monotonic(), 0)):
                waiter.event.clear()
    finally:
        _places.release()


def take_stream() -> Callable[[], None] | None:
    """A place for one who watches a run for long, as what gives it back; None if they are all taken.

    The places are fewer than those of `wait_for_end` and apart from them, so that half of what is left of a
    process' threads serves everybody else.
    """
    if not _streams.acquire(blocking=False):
        return None
    given_back = threading.Lock()

    def give_back() -> None:
        if given_back.acquire(blocking=False):  # however often it is called
            _streams.release()

    return give_back


def watch(run_id: str, seconds: float, pulse: float) -> Iterator[None]:
    """Yields at once, when the run ends, and otherwise every `pulse` seconds; stops after `seconds`."""
    until = time.monotonic() + seconds
    with _listening().woken_by(run_id) as waiter:
        while time.monotonic() < until:
            waiter.event.clear()
            yield
            waiter.event.wait(pulse)
