"""Waiting for the end of runs: one LISTEN connection per process wakes a bounded number of waiting threads."""

import logging
import select
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from durable import store
from models.accounts import Principal
from models.core.database import CONNECTION
from models.core.networks import network_of
from settings import settings

log = logging.getLogger(__name__)


MAX_WAIT = 30.0  # seconds


@dataclass(frozen=True)
class Holder:
    """Who holds a place: a user, an API key, or the guests of a network; and the network of the request."""

    caller: str
    network: str


class Places:
    """A bounded number of places, of which each caller and each network gets at most a share."""

    def __init__(self, total: int, per_caller: int, per_network: int) -> None:
        self.total, self.per_caller, self.per_network = total, per_caller, per_network
        self._callers: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()
        self._guard = threading.Lock()

    def take(self, holder: Holder) -> bool:
        """Takes a place. False: there is none, or the caller or the network has its share."""
        with self._guard:
            is_full = self._networks.total() >= self.total or self._networks[holder.network] >= self.per_network
            if is_full or self._callers[holder.caller] >= self.per_caller:
                return False
            self._callers[holder.caller] += 1
            self._networks[holder.network] += 1
            return True

    def give_back(self, holder: Holder) -> None:
        with self._guard:
            self._callers[holder.caller] -= 1
            self._networks[holder.network] -= 1
            self._callers += Counter()  # without those who hold none
            self._networks += Counter()


_waits = Places(0, settings.waits_per_caller, settings.waits_per_network)
_streams = Places(0, settings.streams_per_caller, settings.streams_per_network)


def use_threads(threads: int) -> None:
    """Sets how many threads this process has. Two thirds of them may wait, and a sixth may serve streams: the others
    remain free for other requests."""
    _waits.total, _streams.total = threads * 2 // 3, max(threads // 6, 1)


use_threads(settings.api_threads)


def holder_of(principal: Principal | None, ip: str | None) -> Holder:
    """The caller of a request from this address. The guests of a network are one caller."""
    network = network_of(ip) or "unknown"
    return Holder(str(principal.key_id or principal.user_id) if principal else network, network)


class _Waiter:
    """A thread that waits for a run. `event` wakes it; `ended` is set if the run has ended."""

    def __init__(self) -> None:
        self.event, self.ended = threading.Event(), False


class _Listener(threading.Thread):
    """Wakes the waiters of a run when PostgreSQL notifies of its end, and all waiters after a lost connection."""

    def __init__(self) -> None:
        super().__init__(name="run-listener", daemon=True)
        self.waiters: defaultdict[str, list[_Waiter]] = defaultdict(list)
        self.guard = threading.Lock()

    def run(self) -> None:
        while True:
            try:
                self._listen()
            except psycopg.OperationalError as error:
                log.warning("lost the LISTEN connection for the end of runs: %s", error)
            self._wake_all()
            time.sleep(1)

    def _listen(self) -> None:
        url = settings.database.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True, application_name="shopflow-listen", **CONNECTION) as connection:
            connection.execute(f"LISTEN {store.ENDED}")
            self._wake_all()  # their runs may have ended while there was no LISTEN
            while True:
                select.select([connection], [], [], 5)
                for notification in connection.notifies(timeout=0):
                    self._wake(notification.payload)
                if connection.closed or connection.broken:
                    raise psycopg.OperationalError("the connection is closed")

    def _wake(self, run_id: str) -> None:
        with self.guard:
            for waiter in self.waiters.get(run_id, ()):
                waiter.ended = True
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


_start_lock = threading.Lock()


def _get_listener() -> _Listener:
    global _listener
    with _start_lock:
        if _listener is None or not _listener.is_alive():  # first use in this process, or after a fork
            _listener = _Listener()
            _listener.start()
    return _listener


def wait_for_end(holder: Holder, run_id: str, seconds: float, has_ended: Callable[[], bool]) -> None:
    """Returns when the run has ended, after `seconds` (at most 30), or immediately if too many threads wait already,
    for this caller, for its network or for all.

    `has_ended` queries the database. It is called after LISTEN, so that no notification is missed, and again after
    the connection was lost. After a notification, no query is needed.
    """
    until = time.monotonic() + min(seconds, MAX_WAIT)
    if seconds <= 0 or not _waits.take(holder):
        return
    try:
        with _get_listener().woken_by(run_id) as waiter:
            while not (waiter.ended or has_ended()) and waiter.event.wait(max(until - time.monotonic(), 0)):
                waiter.event.clear()
    finally:
        _waits.give_back(holder)


def acquire_stream_slot(holder: Holder) -> Callable[[], None] | None:
    """Reserves a slot for a stream. Returns the function that releases it; None if all are taken, or all of the
    caller or its network.

    There are fewer stream slots than slots of `wait_for_end`, and they are separate: half of the remaining threads
    always serve other requests.
    """
    if not _streams.take(holder):
        return None
    released = threading.Lock()

    def release() -> None:
        if released.acquire(blocking=False):  # at most once, however often it is called
            _streams.give_back(holder)

    return release


def watch(run_id: str, seconds: float, interval: float) -> Iterator[None]:
    """Yields immediately, when the run ends, and every `interval` seconds; stops after `seconds`."""
    until = time.monotonic() + seconds
    with _get_listener().woken_by(run_id) as waiter:
        while time.monotonic() < until:
            waiter.event.clear()
            yield
            waiter.event.wait(interval)
