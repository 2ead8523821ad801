"""What the database and the broker know: runs, leases, queues, breakers. Read once per interval, by the exporter alone.

A statement that takes too long is ended. What cannot be read in time is missing from the answer, and `shop_source_up`
says so.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from durable.backlog import Queues
from durable.publishing import broker_errors
from models.core.database import transaction
from settings import QUEUES

log = logging.getLogger(__name__)

INTERVAL = 10.0  # seconds for which an answer is kept
STATEMENT = "2s"
PATIENCE = 5.0  # seconds; Prometheus waits for ten by default

_RUNS = text("""
    SELECT workflow, status, count(*) AS runs, extract(epoch FROM max(clock_timestamp() - created_at))::float AS oldest,
        count(*) FILTER (WHERE stuck_at IS NOT NULL) AS stuck,
        count(*) FILTER (WHERE lease_until < clock_timestamp() - interval '10 seconds') AS overdue
    FROM workflow.run WHERE finished_at IS NULL GROUP BY workflow, status
""")
_PROGRESS = text("""
    SELECT queue, extract(epoch FROM clock_timestamp() - published_at)::float AS since FROM workflow.queue_progress
""")
_BREAKERS = text("SELECT queue, state <> 'closed' AS is_open FROM workflow.breaker")
_SWEEP = text("SELECT extract(epoch FROM clock_timestamp() - max(swept_at))::float FROM workflow.dispatcher")
_WEBHOOKS = text("""
    SELECT (SELECT count(*) FROM webhooks.delivery WHERE due_at IS NOT NULL) AS pending,
        (SELECT count(*) FROM webhooks.endpoint WHERE failing_since IS NOT NULL AND disabled_at IS NULL
            AND deleted_at IS NULL) AS failing,
        (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - created_at)), 0)::float FROM workflow.event
            WHERE position IS NULL AND ordinal IS NOT NULL) AS unplaced
""")
_SERVER = text("""
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
        current_setting('max_connections')::int AS most
""")


class Source:
    """What one server has told, at most INTERVAL ago. It is asked in a thread: one that does not answer delays nobody.

    `read` raises `errors` if the server cannot be read.
    """

    def __init__(
        self, name: str, read: Callable[[], list[GaugeMetricFamily]], errors: tuple[type[BaseException], ...],
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.name, self._read, self._errors, self._clock = name, read, errors, clock
        self._read_at, self._known = -INTERVAL, list[GaugeMetricFamily]()
        self._reading, self._starting = threading.Thread(), threading.Lock()
        self._up = False

    def ask(self) -> None:
        """Begins to read, unless that is under way, or what is known is fresh."""
        with self._starting:
            if not self._reading.is_alive() and self._clock() - self._read_at >= INTERVAL:
                self._reading = threading.Thread(target=self._try_to_read, name=f"read {self.name}", daemon=True)
                self._reading.start()

    def wait(self, seconds: float) -> tuple[bool, list[GaugeMetricFamily]]:
        """Whether the server has answered, and what; waits for a reading that is under way, but no longer than that."""
        reading = self._reading
        if reading.ident is not None:
            reading.join(max(seconds, 0.0))
        if reading.is_alive():
            log.warning("the %s does not answer", self.name)
            return False, []
        return self._up, self._known

    def _try_to_read(self) -> None:
        known, up = list[GaugeMetricFamily](), False
        try:
            known, up = self._read(), True
        except self._errors as error:
            log.warning("could not read the %s: %s", self.name, str(error).splitlines()[0])
        finally:
            self._known, self._up, self._read_at = known, up, self._clock()


class Gauges(Collector):
    """Answers within PATIENCE with what the database and the broker have told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._queues, self._busy_since = Queues(), dict[str, float]()
        self._progress: dict[str, float] = {}
        """Queue → when its last served message was published, by our clock."""
        self._sources = (
            Source("database", self._read_database, (DBAPIError, NoConnectionFree), clock),
            Source("broker", self._read_broker, broker_errors(), clock),
        )

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing, so that registering it reads nothing."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("shop_source_up", "Whether it could be read", labels=["source"])
        for source in self._sources:
            source.ask()
        until = time.monotonic() + PATIENCE
        for source in self._sources:
            answered, found = source.wait(until - time.monotonic())
            up.add_metric([source.name], answered)
            yield from found
        yield up

    def _read_database(self) -> list[GaugeMetricFamily]:
        with transaction() as session:
            connection = session.connection()
            connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT}'"))
            found = [*_runs(connection), *_others(connection)]
            now = self._clock()
            self._progress = {queue: now - since for queue, since in connection.execute(_PROGRESS)}
        return found

    def _read_broker(self) -> list[GaugeMetricFamily]:
        try:
            return self._read_queues()
        except broker_errors():
            self._queues.close()
            raise

    def _read_queues(self) -> list[GaugeMetricFamily]:
        length = GaugeMetricFamily("shop_queue_length", "Messages that wait", labels=["queue"])
        age = GaugeMetricFamily(
            "shop_queue_age_seconds", "At most how long the oldest one has waited", labels=["queue"]
        )
        now = self._clock()
        for queue, waiting in self._queues.lengths().items():
            length.add_metric([queue], waiting)
            if not waiting:
                self._busy_since.pop(queue, None)
            busy = now - self._busy_since.setdefault(queue, now) if waiting else 0.0
            age.add_metric([queue], min(busy, now - self._progress.get(queue, now - busy)))
        return [length, age]


def _gauge(name: str, help: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    made = GaugeMetricFamily(name, help, labels=[label])
    for name_, value in values:
        made.add_metric([name_], value)
    return made


def _runs(connection: Connection) -> list[GaugeMetricFamily]:
    runs = GaugeMetricFamily("shop_runs", "Live runs", labels=["workflow", "status"])
    oldest = GaugeMetricFamily("shop_oldest_run_seconds", "Age of the oldest live run", labels=["workflow", "status"])
    stuck = GaugeMetricFamily("shop_runs_stuck", "Runs that require an operator", labels=["workflow"])
    overdue = GaugeMetricFamily(
        "shop_leases_overdue", "Runs that no dispatcher has taken up for 10 s", labels=["workflow"]
    )
    totals: dict[str, tuple[int, int]] = {}
    for row in connection.execute(_RUNS):
        runs.add_metric([row.workflow, row.status], row.runs)
        oldest.add_metric([row.workflow, row.status], row.oldest)
        before = totals.get(row.workflow, (0, 0))
        totals[row.workflow] = before[0] + row.stuck, before[1] + row.overdue
    for workflow, (stuck_ones, overdue_ones) in totals.items():
        stuck.add_metric([workflow], stuck_ones)
        overdue.add_metric([workflow], overdue_ones)
    return [runs, oldest, stuck, overdue]


def _others(connection: Connection) -> list[GaugeMetricFamily]:
    open_ones: dict[str, bool] = dict(connection.execute(_BREAKERS).all())
    webhooks, server = connection.execute(_WEBHOOKS).one(), connection.execute(_SERVER).one()
    swept = connection.scalar(_SWEEP)
    found = [
        _gauge("shop_breaker_open", "Whether calls to the service are suspended", "service",
               [(queue, float(open_ones.get(queue, False))) for queue in QUEUES if queue in open_ones]),
        GaugeMetricFamily("shop_webhooks_pending", "Deliveries that will be attempted", webhooks.pending),
        GaugeMetricFamily("shop_webhook_endpoints_failing", "Endpoints that refuse everything", webhooks.failing),
        GaugeMetricFamily("shop_events_unplaced_seconds", "Age of the oldest without a position", webhooks.unplaced),
        _gauge("shop_server_connections", "Connections of the database server", "what",
               [("used", server.used), ("most", server.most)]),
    ]  # fmt: skip
    if swept is not None:
        found.append(GaugeMetricFamily("shop_seconds_since_sweep", "Since the latest sweep of a dispatcher", swept))
    return found
