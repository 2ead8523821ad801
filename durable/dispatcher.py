"""The dispatcher: publishes runs that are due or whose message was lost. Several dispatchers are safe."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from durable import config, context, publishing, schedule
from durable.backlog import Backlog, Queues
from durable.database import observe_clock, transaction
from durable.decisions import Publication, decide, postpone_undecided
from durable.queries import count_undeclared, database_now, steps_of_runs
from durable.tables import DispatcherRecord, QueueProgress, RunRecord, StepRecord

log = logging.getLogger(__name__)

BATCH = 200
GONE = timedelta(days=1)  # without a sweep
SCHEDULES = 20.0  # seconds between checks for missed slots


def run_forever() -> None:
    """Sweeps until SIGTERM or SIGINT. Outages of the broker and of PostgreSQL are logged and survived."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("dispatcher is running, sweeping every %s s", config.options().sweep)
    queues, schedules_due = Queues(), 0.0
    _guarded(queues, report_versions)
    _guarded(queues, delete_stopped_dispatchers)
    while not stop.is_set():
        if time.monotonic() >= schedules_due and _guarded(queues, start_missed_slots):
            schedules_due = time.monotonic() + SCHEDULES
        while _guarded(queues, lambda: sweep(queues) == BATCH) and not stop.is_set():
            pass
        stop.wait(config.options().sweep)
    queues.close()


def _guarded(queues: Queues, work: Callable[[], object]) -> bool:
    """Runs `work`. Logs errors and returns False, also if `work` returns False."""
    try:
        return work() is not False
    except Exception as error:
        if isinstance(error, (OperationalError, *publishing.broker_errors())):
            log.warning("could not sweep, will retry: %s", str(error).splitlines()[0])
        else:
            log.exception("could not sweep, will retry")
    queues.close()
    return False


def start_missed_slots() -> None:
    """Starts slots that beat has missed."""
    with transaction() as session:
        started = schedule.start_missed(session)
    for slot in started:
        log.warning("beat has missed %s; started it now", slot)
        config.options().observer.slot_started(slot, missed=True)


def report_versions() -> None:
    """Logs which live runs need a workflow or version that this code does not declare."""
    with transaction() as session:
        for workflow, version, count in count_undeclared(session):
            log.warning("%d live runs need version %d of the workflow %s, which this code does not declare",
                        count, version, workflow)  # fmt: skip


def delete_stopped_dispatchers() -> None:
    """Deletes the records of dispatchers that no longer run."""
    with transaction() as session:
        gone = DispatcherRecord.swept_at < func.clock_timestamp() - GONE
        session.execute(delete(DispatcherRecord).where(gone))


def sweep(queues: Queues) -> int:
    """Publishes the due runs. Returns the number of runs it has checked, at most BATCH."""
    lengths = queues.lengths()
    with transaction() as session:
        _record_sweep(session)
        due = select(RunRecord).where(RunRecord.finished_at.is_(None), RunRecord.lease_until < func.clock_timestamp())
        locked = due.order_by(RunRecord.lease_until).limit(BATCH).with_for_update(skip_locked=True, key_share=True)
        found = session.scalars(locked).all()
        if not found:
            return 0
        steps = steps_of_runs(session, [run.id for run in found])
        served = dict(session.execute(select(QueueProgress.queue, QueueProgress.published_at)).all())
        backlog = Backlog(lengths, served)
        now = database_now(session)
        observe_clock(now)
        decided = [_decide_safely(session, run, steps[run.id], backlog, now) for run in found]
    for publication in filter(None, decided):
        run_id, generation, stages = publication
        with context.working_on(run_id, stages[0][0].name):
            log.info("publishing run %s again, generation %d, from %s", run_id, generation, stages[0][0].name)
            publishing.publish(run_id, generation, stages)
    return len(found)


def _decide_safely(
    session: Session, run: RunRecord, steps: Sequence[StepRecord], backlog: Backlog, now: datetime
) -> Publication | None:
    """Isolates errors: the run is postponed, an operator is notified, and the sweep continues."""
    try:
        with context.working_on(run.id, request=run.request_id), session.begin_nested():
            decided = decide(session, run, steps, backlog, now)
            session.flush()
            return decided
    except (OperationalError, MemoryError):
        raise
    except Exception as error:
        log.exception("run %s (%s) cannot be decided", run.id, run.workflow)
        session.refresh(run)
        postpone_undecided(session, run, error)
        return None


def _record_sweep(session: Session) -> None:
    name = f"{socket.gethostname()}:{os.getpid()}"
    new = insert(DispatcherRecord).values(name=name, swept_at=func.clock_timestamp())
    session.execute(new.on_conflict_do_update(index_elements=["name"], set_={"swept_at": new.excluded.swept_at}))


def seconds_since_sweep(session: Session) -> float | None:
    """Seconds since the last sweep of any dispatcher; None if there was none."""
    latest = select(func.extract("epoch", func.clock_timestamp() - func.max(DispatcherRecord.swept_at)))
    found = session.scalars(latest).one()
    return None if found is None else float(found)
