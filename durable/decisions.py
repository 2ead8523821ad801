"""The dispatcher's decision about a due run, under its lock."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import Session

from durable import breaker, config, transitions
from durable.backlog import Backlog
from durable.plan import Call, can_turn_back, plan, progress_in
from durable.replaying import REPLAYED
from durable.tables import RunRecord, StepRecord
from durable.workflow import Workflow, workflow_of

log = logging.getLogger(__name__)

Publication = tuple[str, int, list[list[Call]]]
FEW = 10  # runs per service that are checked as soon as a trial is due; the others wait longer
UNAVAILABLE_DELAY = 15.0  # seconds until the next check of a run whose service is unavailable, if many runs wait for it
UNDECIDED_DELAY = 60.0  # seconds until the next check of a run that could not be decided


def decide(
    session: Session, run: RunRecord, steps: Sequence[StepRecord], backlog: Backlog, now: datetime
) -> Publication | None:
    """Updates the record of a due run and returns what to publish, if anything. Raises UnknownWorkflow."""
    workflow = workflow_of(run.workflow, run.version)
    trouble = _find_problem(run, steps, now)
    if trouble and _may_compensate(workflow, run, steps, trouble):
        transitions.compensate(run, trouble)
        return _publication(session, workflow, run, steps)
    if trouble and run.stuck_at is None:
        mark_stuck(session, run, trouble["detail"], _next_steps(workflow, run, steps))
    if run.status == "waiting":
        return _end_wait(session, workflow, run, steps, now)
    stages = plan(workflow, progress_in(run.status, steps))
    if not stages:
        transitions.end(session, run)
        return None
    held = {step.name: step.lease_until for step in steps if step.status == "intent" and step.lease_until}
    ready = [call for call in stages[0] if call.name not in held or held[call.name] <= now]
    if not ready:
        run.lease_until = min(held[call.name] for call in stages[0])
        return None
    pauses = [_pause_of_breaker(call, backlog) for call in ready]
    pause = min(pauses) if all(pauses) else backlog.pause(run, ready)
    if pause:
        run.lease_until = now + timedelta(seconds=pause)
        return None
    if run.published_at is not None:
        run.publications += 1
    first = [call for call, paused in zip(ready, pauses, strict=True) if not paused]
    return _publish(run, [first, *stages[1:]])


def _pause_of_breaker(call: Call, backlog: Backlog) -> float:
    """Seconds for which a call must wait for its service; 0 if it may be made, or is the one trial of the sweep.

    Thousands of runs may wait for a service. Checking each of them every few seconds would occupy a processor.
    """
    queue = call.step.queue
    if not call.step.is_external or breaker.is_closed(queue):
        return 0.0
    backlog.waiting[queue] += 1
    pause = breaker.pause(queue)
    if pause is None and backlog.waiting[queue] == 1:
        return 0.0
    return (pause or config.options().breaker_pause) if backlog.waiting[queue] <= FEW else UNAVAILABLE_DELAY


def _end_wait(
    session: Session, workflow: Workflow, run: RunRecord, steps: Sequence[StepRecord], now: datetime
) -> Publication | None:
    """Resumes a suspended run whose timer has expired."""
    run.status, run.attempts = "running", 0
    return _publication(session, workflow, run, steps)


def _publication(
    session: Session, workflow: Workflow, run: RunRecord, steps: Sequence[StepRecord]
) -> Publication | None:
    stages = plan(workflow, progress_in(run.status, steps))
    if not stages:
        transitions.end(session, run)
        return None
    return _publish(run, stages)


def _publish(run: RunRecord, stages: list[list[Call]]) -> Publication:
    options = config.options()
    progress_at = run.progress_at
    transitions.next_generation(run, min(options.lease * 2 ** min(run.publications, 10), options.longest_pause))
    run.progress_at = progress_at
    return run.id, run.generation, stages


def _find_problem(run: RunRecord, steps: Sequence[StepRecord], now: datetime) -> dict[str, Any] | None:
    """Why a run should be compensated or, if it cannot be, marked as stuck; None if there is no problem."""
    options = config.options()
    if run.deadline is not None and run.deadline < now and run.status != "compensating":
        return {"status": 503, "code": "deadline_exceeded", "detail": "The deadline has passed."}
    if run.attempts >= options.attempts:
        return {"status": 503, "code": "too_many_attempts", "detail": "Too many attempts have failed."}
    is_failing = any(step.status == "intent" and step.error and step.error != REPLAYED for step in steps)
    if is_failing and run.status != "waiting" and run.progress_at < now - timedelta(seconds=options.stuck_after):
        return {"status": 503, "code": "no_progress", "detail": "The run has made no progress for a long time."}
    return None


def _may_compensate(workflow: Workflow, run: RunRecord, steps: Sequence[StepRecord], trouble: dict[str, Any]) -> bool:
    """Only for a deadline or too many failures, before the pivot, and if there is `if_refused`."""
    lasting = trouble["code"] != "no_progress"
    return lasting and bool(workflow.if_refused) and can_turn_back(workflow, progress_in(run.status, steps))


def _next_steps(workflow: Workflow, run: RunRecord, steps: Sequence[StepRecord]) -> str:
    stages = plan(workflow, progress_in(run.status, steps))
    return stages[0][0].name if stages else "its end"


def mark_stuck(session: Session, run: RunRecord, reason: str, step: str) -> None:
    """Marks a run as stuck and notifies an operator, once. The run is still retried every minute."""
    run.stuck_at, run.stuck_reason = func.clock_timestamp(), reason
    log.error("run %s (%s) is stuck at %s and requires an operator: %s", run.id, run.workflow, step, reason)
    config.options().on_stuck(session, run, step)


def postpone_undecided(session: Session, run: RunRecord, error: Exception) -> None:
    """Postpones a run that cannot be decided, and notifies an operator once."""
    run.lease_until = func.clock_timestamp() + timedelta(seconds=UNDECIDED_DELAY)
    if run.stuck_at is None:
        mark_stuck(session, run, f"{type(error).__name__}: {error}"[:300], "?")
