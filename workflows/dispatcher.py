"""The process that starts what is due and restarts what was lost. Any number of them is safe."""

import logging
import signal
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from kombu.exceptions import ChannelError
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import events, runs
from models.database import transaction
from settings import QUEUES, settings
from tasks.app import app, configure_logging
from workflows.engine import WORKFLOWS, Call, Progress, plan, progress_of, revocable
from workflows.publishing import broker_errors, publish

log = logging.getLogger(__name__)

BATCH = 200
CLOCKS = timedelta(seconds=1)  # how far the clocks of the shop's machines may be apart

Publication = tuple[str, int, list[list[Call]]]


def run_forever() -> None:
    """Sweeps until SIGTERM or SIGINT. Survives the loss of Redis and of PostgreSQL, and goes on when they are back."""
    configure_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("dispatcher is up, looking every %s s", settings.sweep)
    queues = Queues()
    away: tuple[type[BaseException], ...] = (OperationalError, *broker_errors())
    while not stop.is_set():
        try:
            while sweep(queues) == BATCH and not stop.is_set():
                pass
        except away as error:
            log.warning("could not sweep, will try again: %s", str(error).splitlines()[0])
            queues.close()
        stop.wait(settings.sweep)
    queues.close()


class Queues:
    """Lengths of the queues, over one connection that is kept between sweeps."""

    def __init__(self) -> None:
        self.connection: Any = None

    def lengths(self) -> dict[str, int]:
        """Messages that wait in each queue. Raises what the broker's client raises when the broker is away."""
        if self.connection is None:
            self.connection = app.connection_for_read()
        return {queue: self._length(queue) for queue in QUEUES}

    def _length(self, queue: str) -> int:
        try:
            return int(self.connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
        except ChannelError:
            return 0  # an empty queue does not exist on Redis

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def sweep(queues: Queues) -> int:
    """Publishes the runs that are due; returns how many it has looked at, at most BATCH."""
    lengths = queues.lengths()
    with transaction() as session:
        due = select(runs.Run).where(runs.Run.finished_at.is_(None), runs.Run.lease_until < func.now())
        found = session.scalars(due.order_by(runs.Run.lease_until).limit(BATCH).with_for_update(skip_locked=True)).all()
        if not found:
            return 0
        steps = runs.steps_of(session, [run.id for run in found])
        backlog = Backlog(lengths, dict(session.execute(select(runs.Served.queue, runs.Served.published_at)).all()))
        decided = [_decide(session, run, progress_of(run, steps[run.id]), backlog) for run in found]
    for publication in filter(None, decided):
        run_id, generation, stages = publication
        log.info("publishing run %s again, generation %d, from %s", run_id, generation, stages[0][0].name)
        publish(run_id, generation, stages)
    return len(found)


class Backlog:
    """Tells a run that merely waits its turn in a long queue from one whose message was lost."""

    def __init__(self, lengths: dict[str, int], served: dict[str, datetime]) -> None:
        self.lengths, self.served = lengths, served

    def pause(self, run: runs.Run, calls: Iterable[Call]) -> float | None:
        """Seconds until another look at a run that waits its turn, or None if it is to be published again.

        Queues are first in, first out: a message is lost if its queue is empty, or if a message that was
        published after it has already been served.
        """
        queues = {call.step.service for call in calls}
        if run.published_at is None or any(self._is_past(queue, run.published_at) for queue in queues):
            return None
        return min(settings.lease + max(self.lengths[queue] for queue in queues) / 200, 60.0)

    def _is_past(self, queue: str, published_at: datetime) -> bool:
        served = self.served.get(queue)
        return self.lengths[queue] == 0 or (served is not None and served > published_at + CLOCKS)


def _decide(session: Session, run: runs.Run, progress: Progress, backlog: Backlog) -> Publication | None:
    """Changes a due run's row and says what of it is to be published, if anything."""
    workflow = WORKFLOWS[run.workflow]
    stages = plan(workflow, progress)
    may_turn, trouble = revocable(workflow, progress), _trouble(run)
    if may_turn and trouble:
        runs.turn(run, trouble)
        stages = plan(workflow, Progress("compensating", progress.steps, progress.outputs))
    elif run.status == "waiting":
        run.status, run.attempts = "running", 0
    elif stages and (pause := backlog.pause(run, stages[0])) is not None:
        run.lease_until = datetime.now(UTC) + timedelta(seconds=pause)
        return None
    elif run.published_at is not None:
        run.attempts += 1
    if not stages:
        runs.end(session, run.id, "cancelled" if run.status == "compensating" else "succeeded")
        return None
    if not may_turn and run.stuck_at is None and _trouble(run):
        _tell_operator(session, run, stages[0][0].name)
    runs.next_generation(run, runs.pause(run.attempts))
    run.published_at = datetime.now(UTC)
    return run.id, run.generation, stages


def _trouble(run: runs.Run) -> dict[str, Any] | None:
    """Why a run should be turned back while it can be, and shown to a person when it can't; None if it is well."""
    if run.deadline is not None and run.deadline < datetime.now(UTC) and run.status != "compensating":
        return {"status": 503, "code": "deadline_exceeded", "detail": "It was not done in time and is taken back."}
    if run.attempts >= settings.attempts:
        return {"status": 503, "code": "too_many_attempts", "detail": "It failed too often and is taken back."}
    return None


def _tell_operator(session: Session, run: runs.Run, step: str) -> None:
    """Once for each time that a run gets stuck. It is tried again all the same, every minute."""
    run.stuck_at = datetime.now(UTC)
    log.error("run %s (%s) is stuck at %s and needs a person", run.id, run.workflow, step)
    events.emit(session, "run.stuck", {"run_id": run.id, "workflow": run.workflow, "step": step})
