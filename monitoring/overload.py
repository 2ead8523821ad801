"""How long a new checkout would wait for a worker: what is queued, against what was served lately.

A thread of each process that asks looks once a second, so that asking costs nothing and waits for nobody.
"""

import logging
import math
import threading
import time
from collections import deque

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from durable.backlog import Queues
from durable.publishing import broker_errors
from durable.queue_progress import served_so_far
from models.core.database import single_statements
from settings import settings

log = logging.getLogger(__name__)

QUEUES = ("inventory", "payments", "orders")
"""Those that a checkout goes through until its order is confirmed."""
PERIOD = 1.0  # seconds between two looks
WINDOW = 10.0  # seconds that a rate is measured over
SHORTEST = 3.0  # seconds; workers write down once a second what they have taken
STALE = 5.0  # seconds after which a look says nothing any more
BOUND = 10_000  # messages that may wait where it is not known how fast they are served


class Gauge:
    """One queue's length as a time.

    Its rate counts only while messages wait: what is served of an empty queue is what was asked for, and not what
    could be done. While nothing is served, nobody knows for how long; the last rate that was seen stands, so that
    workers that come back have no more before them than they can do within the limit.
    """

    def __init__(self, limit: float) -> None:
        self.length, self.rate, self.is_stalled = 0, BOUND / limit, False
        self.looks: deque[tuple[float, int]] = deque()  # the first while messages wait, and each that saw more served

    def note(self, now: float, length: int, served: int) -> None:
        """Takes a look down: the time in seconds, messages that wait, messages that were ever served."""
        self.length = length
        if length == 0 or (self.looks and served < self.looks[-1][1]):  # nothing waits, or counting began again
            self.looks.clear()
        elif not self.looks or served > self.looks[-1][1]:
            if self.is_stalled:
                self.looks.clear()  # workers that are back: how long they were away is no part of their rate
            self.looks.append((now, served))
            self._measure()
        self.is_stalled = bool(self.looks) and now - self.looks[-1][0] >= WINDOW

    def _measure(self) -> None:
        until, served = self.looks[-1]
        while len(self.looks) > 2 and self.looks[1][0] <= until - WINDOW:
            self.looks.popleft()
        since, before = self.looks[0]
        if until - since >= SHORTEST:
            self.rate = (served - before) / (until - since)

    def wait(self) -> float:
        """Seconds until a message that comes now is served."""
        return self.length / self.rate


class Watch(threading.Thread):
    """Looks at the queues again and again. Without a broker or a database there is nothing to be seen."""

    def __init__(self) -> None:
        super().__init__(name="load", daemon=True)
        self.gauges = {queue: Gauge(settings.max_wait) for queue in QUEUES}
        self.looked_at = -math.inf
        self.queues = Queues()

    def run(self) -> None:
        away: tuple[type[BaseException], ...] = (OperationalError, NoConnectionFree, *broker_errors())
        while True:
            try:
                self.look()
            except away as error:
                log.info("could not look at the queues: %s", str(error).splitlines()[0])
                self.queues.close()
            time.sleep(PERIOD)

    def look(self) -> None:
        lengths = {queue: self.queues.length(queue) for queue in QUEUES}
        served: dict[str, int] = {}
        if any(lengths.values()):
            with single_statements() as connection:
                served = served_so_far(connection, QUEUES)
        now = time.monotonic()
        for queue, gauge in self.gauges.items():
            gauge.note(now, lengths[queue], served.get(queue, 0))
        self.looked_at = now

    def excess(self) -> int | None:
        """See `excess` below."""
        if time.monotonic() - self.looked_at > STALE:
            return None
        beyond = sum(gauge.wait() for gauge in self.gauges.values()) - settings.max_wait
        if beyond <= 0:
            return None
        stalled = any(gauge.is_stalled for gauge in self.gauges.values())
        return math.ceil(settings.max_wait if stalled else beyond)


_watch: Watch | None = None
_start = threading.Lock()


def excess() -> int | None:
    """Seconds until a new checkout is expected to wait for no longer than `SHOP_MAX_WAIT`; None if it does now.

    Where nothing is served at all, nobody can tell: it is that limit then. None as well while the broker or the
    database is away, and for the first seconds of a process.
    """
    global _watch
    with _start:
        if _watch is None or not _watch.is_alive():
            _watch = Watch()
            _watch.start()
    return _watch.excess()
