"""Overload: how long a new checkout would wait for a worker, from the queue lengths and recent service rates.

A thread of each process samples the queues once a second, so that a check is free.
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
"""The queues of a checkout until its order is confirmed."""
INTERVAL = 1.0  # seconds between samples
WINDOW = 10.0  # seconds over which a rate is measured
MIN_DURATION = 3.0  # seconds, minimum for a measurement; workers record their progress once a second
STALE = 5.0  # seconds after which a sample is obsolete
MAX_UNKNOWN_BACKLOG = 10_000  # messages that may wait while the service rate is unknown


class Gauge:
    """The length of one queue as a time.

    The rate is measured only while messages wait: the throughput of an empty queue is its demand, not its capacity.
    While nothing is served, the last measured rate is kept, so that recovering workers find no longer a queue than
    they can serve within the limit.
    """

    def __init__(self, limit: float) -> None:
        self.length, self.rate, self.is_stalled = 0, MAX_UNKNOWN_BACKLOG / limit, False
        self.samples: deque[tuple[float, int]] = deque()  # the first sample of a busy period, and each with progress

    def add_sample(self, now: float, length: int, served: int) -> None:
        """Adds a sample: time in seconds, waiting messages, messages served in total."""
        self.length = length
        if length == 0 or (self.samples and served < self.samples[-1][1]):  # empty, or the counter was reset
            self.samples.clear()
        elif not self.samples or served > self.samples[-1][1]:
            if self.is_stalled:
                self.samples.clear()  # workers have recovered: their downtime must not lower the rate
            self.samples.append((now, served))
            self._measure()
        self.is_stalled = bool(self.samples) and now - self.samples[-1][0] >= WINDOW

    def _measure(self) -> None:
        until, served = self.samples[-1]
        while len(self.samples) > 2 and self.samples[1][0] <= until - WINDOW:
            self.samples.popleft()
        since, before = self.samples[0]
        if until - since >= MIN_DURATION:
            self.rate = (served - before) / (until - since)

    def wait(self) -> float:
        """Seconds until a message that is sent now is served."""
        return self.length / self.rate


class Sampler(threading.Thread):
    """Samples the queues periodically. Without a broker or database there are no samples."""

    def __init__(self) -> None:
        super().__init__(name="load", daemon=True)
        self.gauges = {queue: Gauge(settings.max_wait) for queue in QUEUES}
        self.sampled_at = -math.inf
        self.queues = Queues()

    def run(self) -> None:
        unavailable: tuple[type[BaseException], ...] = (OperationalError, NoConnectionFree, *broker_errors())
        while True:
            try:
                self.sample()
            except unavailable as error:
                log.info("could not sample the queues: %s", str(error).splitlines()[0])
                self.queues.close()
            time.sleep(INTERVAL)

    def sample(self) -> None:
        lengths = {queue: self.queues.length(queue) for queue in QUEUES}
        served: dict[str, int] = {}
        if any(lengths.values()):
            with single_statements() as connection:
                served = served_so_far(connection, QUEUES)
        now = time.monotonic()
        for queue, gauge in self.gauges.items():
            gauge.add_sample(now, lengths[queue], served.get(queue, 0))
        self.sampled_at = now

    def retry_after(self) -> int | None:
        """See `retry_after` below."""
        if time.monotonic() - self.sampled_at > STALE:
            return None
        excess = sum(gauge.wait() for gauge in self.gauges.values()) - settings.max_wait
        if excess <= 0:
            return None
        stalled = any(gauge.is_stalled for gauge in self.gauges.values())
        return math.ceil(settings.max_wait if stalled else excess)


_sampler: Sampler | None = None
_start = threading.Lock()


def retry_after() -> int | None:
    """Seconds until a new checkout will probably wait no longer than `SHOP_MAX_WAIT`; None if that is the case now.

    While nothing is served, the time is unknown, and the result is `SHOP_MAX_WAIT`. None while the broker or the
    database is unavailable, and in the first seconds of a process.
    """
    global _sampler
    with _start:
        if _sampler is None or not _sampler.is_alive():
            _sampler = Sampler()
            _sampler.start()
    return _sampler.retry_after()
