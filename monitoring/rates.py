"""How many runs were started and ended, and how many attempts failed, in each minute of the last hour."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from durable.ids import first_id

MINUTES = 60
WINDOW = timedelta(hours=2)
"""Age of the runs whose ends are counted: an index leads to runs by their start, and most take seconds."""
KEPT = 15.0  # seconds

# Ids sort by the time of their start, so the first two read an end of the primary key's index. The third also reads
# runs that fail for longer, by the index of live runs.
_RATES = text("""
    WITH run AS NOT MATERIALIZED (
        SELECT created_at, finished_at FROM workflow.run WHERE id >= CAST(:first AS uuid)
    ), started AS (
        SELECT date_trunc('minute', created_at) AS at, count(*) AS number FROM run WHERE created_at >= :since GROUP BY 1
    ), ended AS (
        SELECT date_trunc('minute', finished_at) AS at, count(*) AS number FROM run WHERE finished_at >= :since
        GROUP BY 1
    ), failing AS (
        SELECT run_id, error, ended_at FROM workflow.attempt WHERE run_id >= CAST(:first AS uuid)
        UNION ALL
        SELECT run_id, attempt.error, ended_at FROM workflow.run JOIN workflow.attempt ON run_id = run.id
        WHERE finished_at IS NULL AND attempts > 0 AND run.id < CAST(:first AS uuid)
    ), failed AS (
        SELECT date_trunc('minute', ended_at) AS at, count(*) AS number FROM failing
        WHERE ended_at >= :since AND error ->> 'code' IS DISTINCT FROM 'replayed'
        GROUP BY 1
    )
    SELECT minute.at, coalesce(started.number, 0) AS started, coalesce(ended.number, 0) AS ended,
        coalesce(failed.number, 0) AS failed
    FROM generate_series(CAST(:since AS timestamptz), :now, interval '1 minute') AS minute (at)
    LEFT JOIN started USING (at) LEFT JOIN ended USING (at) LEFT JOIN failed USING (at) ORDER BY at
""")
_NOW = text("SELECT clock_timestamp()")


@dataclass(frozen=True)
class Minute:
    """What happened in a minute. `ended`: of the runs of the last two hours. `failed`: attempts of steps."""

    at: datetime
    started: int
    ended: int
    failed: int


def read_rates(session: Session) -> list[Minute]:
    """The last MINUTES minutes, oldest first; the last one is not over. Takes time with the runs of two hours."""
    now: datetime = session.scalars(_NOW).one()
    since = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    found = session.execute(_RATES, {"first": first_id(now - WINDOW), "since": since, "now": now})
    return [Minute(*row) for row in found]


class RatesReader:
    """Reads the rates at most every KEPT seconds, however many look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at, self._rates = 0.0, list[Minute]()

    def read(self, session: Session) -> list[Minute]:
        with self._lock:
            if not self._rates or time.monotonic() - self._read_at > KEPT:
                self._rates, self._read_at = read_rates(session), time.monotonic()
            return self._rates


cached = RatesReader()
