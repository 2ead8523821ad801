"""Workers: what they consume, and what they do now. Asked over the broker, which takes a second."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from durable.publishing import broker_errors
from workflows.app import app

log = logging.getLogger(__name__)

TIMEOUT = 0.7  # seconds in which workers answer
FRESH = 5.0  # seconds for which an answer is kept
USABLE = 60.0  # seconds for which one is shown while a new one is asked for
MAX_STEPS = 500
_BEGUN = text("""
    SELECT 'run_' || replace(run.id::text, '-', '') AS run_id, run.workflow, step.name, step.worker, step.attempts,
        step.started_at
    FROM workflow.run JOIN workflow.step ON step.run_id = run.id
    WHERE run.finished_at IS NULL AND step.status = 'intent' AND step.error IS NULL
        AND step.lease_until > clock_timestamp()
    ORDER BY run.id DESC LIMIT :limit
""")


@dataclass(frozen=True)
class Task:
    """A message that a process of a worker has. `step`: of the message; the process may have gone on from there."""

    run_id: str
    step: str
    since: datetime | None
    pid: int | None


@dataclass
class Worker:
    """A worker, the queues that it consumes, and the messages that its processes have."""

    name: str
    queues: list[str]
    tasks: list[Task] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """What the workers said at a time, and why they could not be asked."""

    workers: list[Worker]
    asked_at: datetime
    fault: str | None = None

    def consumers(self, queue: str) -> list[str]:
        """The workers that consume a queue."""
        return [worker.name for worker in self.workers if queue in worker.queues]


_known: tuple[float, Answer] | None = None
_asking = threading.Lock()


def find_workers() -> Answer | None:
    """The last answer, at once. One that is old, or missing, is asked for in the background."""
    if (_known is None or time.monotonic() - _known[0] > FRESH) and not _asking.locked():
        threading.Thread(target=ask_workers, name="ask-workers", daemon=True).start()
    return _known[1] if _known else None


def recent_workers() -> Answer:
    """The last answer, at once, unless it is older than USABLE seconds: then they are asked now."""
    answer = find_workers()
    usable = answer is not None and datetime.now(UTC) - answer.asked_at < timedelta(seconds=USABLE)
    return answer if answer is not None and usable else ask_workers()


def ask_workers() -> Answer:
    """The workers as they are now, or were up to FRESH seconds ago. One thread of the process asks at a time."""
    global _known
    with _asking:
        if _known is None or time.monotonic() - _known[0] > FRESH:
            answer = _ask()
            _known = time.monotonic(), answer
        return _known[1]


def _ask() -> Answer:
    inspect, now = app.control.inspect(timeout=TIMEOUT), datetime.now(UTC)
    try:
        consumed, active = inspect.active_queues() or {}, inspect.active() or {}
    except broker_errors() as error:
        log.info("could not ask the workers: %s", error)
        return Answer([], now, str(error).splitlines()[0])
    workers = [
        Worker(name, sorted(queue["name"] for queue in queues), [_task(each) for each in active.get(name, ())])
        for name, queues in sorted(consumed.items())
    ]
    return Answer(workers, now)


def _task(message: Mapping[str, Any]) -> Task:
    run_id, _, rest = str(message.get("id", "")).partition(":")
    since, pid = message.get("time_start"), message.get("worker_pid")
    return Task(
        run_id if run_id.startswith("run_") else "",
        rest.partition(":")[2] or str(message.get("name", "")),
        datetime.fromtimestamp(since, UTC) if isinstance(since, int | float) else None,
        pid if isinstance(pid, int) else None,
    )


def read_begun_steps(session: Session) -> list[Row[Any]]:
    """The steps that a worker holds now: long steps and external calls. Others are too short to be seen."""
    return list(session.execute(_BEGUN, {"limit": MAX_STEPS}))
