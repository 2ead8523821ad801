"""What an operator looks at first: runs, queues, the processes that move them, and schedules. One reading of each."""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from durable.backlog import Queues
from durable.ids import first_id
from durable.publishing import broker_errors
from settings import QUEUES

log = logging.getLogger(__name__)

RECENT = 300.0  # seconds for which rates are counted
RATE_WINDOW = 60.0  # seconds after which the last sample of a queue's counter is too old for a rate
MIN_WINDOW = 1.0  # seconds; workers record their progress once a second
FAULT_KEPT = 10.0  # seconds for which a broker that did not answer is not asked again: it may hang

_LIVE = text("""
    SELECT workflow, status, count(*) AS runs, extract(epoch FROM max(clock_timestamp() - created_at))::float AS oldest,
        count(*) FILTER (WHERE stuck_at IS NOT NULL) AS stuck
    FROM workflow.run WHERE finished_at IS NULL GROUP BY workflow, status ORDER BY workflow, status
""")
_FAILED = text("""
    SELECT workflow, count(*) AS runs, extract(epoch FROM max(clock_timestamp() - created_at))::float AS oldest
    FROM workflow.run WHERE status = 'failed' GROUP BY workflow ORDER BY workflow
""")
_RECENT = text("""
    SELECT workflow, count(*) AS started, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
        (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at)))::float AS median
    FROM workflow.run WHERE id >= CAST(:first AS uuid) GROUP BY workflow ORDER BY started DESC, workflow
""")
_NOW = text("SELECT clock_timestamp()")
_PROGRESS = text("""
    SELECT queue, served, extract(epoch FROM clock_timestamp() - published_at)::float AS since
    FROM workflow.queue_progress
""")
_BREAKERS = text("""
    SELECT queue, state, failures, error, opened_at FROM workflow.breaker WHERE state <> 'closed' ORDER BY queue
""")
_DISPATCHERS = text("""
    SELECT name, swept_at, extract(epoch FROM clock_timestamp() - swept_at)::float AS since
    FROM workflow.dispatcher ORDER BY swept_at DESC
""")
_CURSORS = text("""
    SELECT name, position, moved_at, (SELECT max(position) FROM workflow.event) - position AS behind,
        extract(epoch FROM clock_timestamp() - moved_at)::float AS since
    FROM workflow.event_cursor ORDER BY name
""")


@dataclass(frozen=True)
class Queue:
    """A queue now. `length`: None if the broker does not answer. `oldest`: the longest time, in seconds, that a message
    can have waited; None if none waits. `rate`: messages served per second; None until it is measured."""

    name: str
    length: int | None
    oldest: float | None
    rate: float | None
    served: int


@dataclass(frozen=True)
class Overview:
    """`live` by workflow and status, `failed` and `recent` (started in the last RECENT seconds) by workflow."""

    live: list[Row[Any]]
    failed: list[Row[Any]]
    recent: list[Row[Any]]
    queues: list[Queue]
    breakers: list[Row[Any]]
    broker_fault: str | None

    @property
    def stuck(self) -> int:
        """How many runs require an operator."""
        return sum(row.stuck for row in self.live)


@dataclass(frozen=True)
class Lengths:
    """The lengths of the queues, or why the broker does not answer. `asked_at`: of this process's monotonic clock."""

    lengths: dict[str, int]
    fault: str | None
    asked_at: float


class QueueReader:
    """Reads the queues of this process's broker; one thread at a time asks it."""

    def __init__(self) -> None:
        self._queues, self._asking, self._lock = Queues(), threading.Lock(), threading.Lock()
        self._failed: Lengths | None = None
        self._busy_since: dict[str, float] = {}
        self._sampled: dict[str, tuple[float, int]] = {}
        self._rates: dict[str, float] = {}

    def ask(self) -> Lengths:
        """Asks the broker. A fault is kept for FAULT_KEPT seconds: few requests are to wait for a broker that hangs."""
        with self._asking:  # not the lock of `read`, which is needed within a transaction
            now = time.monotonic()
            if self._failed and now - self._failed.asked_at < FAULT_KEPT:
                return self._failed
            self._failed = None
            try:
                return Lengths(self._queues.lengths(), None, now)
            except broker_errors() as error:
                log.info("could not read the queues: %s", error)
                self._queues.close()
                fault = (str(error) or type(error).__name__).splitlines()[0]
                self._failed = Lengths({}, fault, time.monotonic())
                return self._failed

    def read(self, session: Session, asked: Lengths) -> list[Queue]:
        """The queues, as the broker has said."""
        progress = {row.queue: row for row in session.execute(_PROGRESS)}
        with self._lock:
            return [self._queue(name, asked.lengths.get(name), progress.get(name)) for name in QUEUES]

    def _queue(self, name: str, length: int | None, progress: Row[Any] | None) -> Queue:
        now, served = time.monotonic(), progress.served if progress else 0
        if not length:
            self._busy_since.pop(name, None)
        busy = now - self._busy_since.setdefault(name, now) if length else None
        oldest = None if busy is None else min(busy, progress.since) if progress else busy
        return Queue(name, length, oldest, self._rate(name, now, served), served)

    def _rate(self, name: str, now: float, served: int) -> float | None:
        since, before = self._sampled.get(name, (None, 0))
        if since is None or now - since > RATE_WINDOW or served < before:
            self._sampled[name] = now, served
            self._rates.pop(name, None)
        elif now - since >= MIN_WINDOW:
            self._rates[name] = (served - before) / (now - since)
            self._sampled[name] = now, served
        return self._rates.get(name)


_reader = QueueReader()


def ask_broker() -> Lengths:
    """Asks the broker for the lengths of the queues. It may take seconds: do so before a transaction, which the
    database would end meanwhile."""
    return _reader.ask()


def read_overview(session: Session, asked: Lengths) -> Overview:
    """Runs and queues as they are now. Six queries; they take time with the number of live and of recent runs."""
    now = session.scalars(_NOW).one()
    live, failed = session.execute(_LIVE).all(), session.execute(_FAILED).all()
    recent = session.execute(_RECENT, {"first": first_id(now - timedelta(seconds=RECENT))}).all()
    queues, breakers = _reader.read(session, asked), list(session.execute(_BREAKERS))
    return Overview(list(live), list(failed), list(recent), queues, breakers, asked.fault)


def read_dispatchers(session: Session) -> list[Row[Any]]:
    """Every dispatcher of the last day, and `since`: seconds since its last sweep."""
    return list(session.execute(_DISPATCHERS))


def read_cursors(session: Session) -> list[Row[Any]]:
    """The relay's cursors, how many events each is `behind`, and `since`: seconds since it last moved."""
    return list(session.execute(_CURSORS))
