"""An operator's replay: a run goes back to one of its steps, and performs that step and all later ones again.

Only what has declared itself `replayable` is performed a second time. A step that has not taken effect yet is no
concern: the work of a local one was rolled back, and a call that was not made has no request.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.attempts import forget_oldest
from durable.errors import RunConflict, RunNotFound
from durable.plan import can_turn_back, progress_in
from durable.queries import database_now, steps_of_run
from durable.steps import Step
from durable.tables import AttemptRecord, RunRecord, RunRow, StepRecord, StepRow
from durable.transitions import wake
from durable.workflow import Each, Workflow, is_declared, steps_of, workflow_of

Kept = TypeVar("Kept", bound=StepRow)
REPLAYED = {"code": "replayed", "detail": "An operator has this step performed again."}
"""The error of a step that is to be performed again, and of the attempt whose output no longer counts."""


def replay(session: Session, run_id: str, name: str) -> RunRecord:
    """An operator's replay: performs the step with this name, and every later one that has begun, again.

    `name`: a step, an item of an `Each` (`reports.part[3]`), or an `Each` with all of its items. Steps beside it in a
    parallel stage stay done. The outputs of what is performed again are kept as attempts, and attempts go on counting.
    External calls get a new request and the same idempotency key. A run that has succeeded is resumed; like a retried
    one it has no deadline. Workers that still hold a message or a result from before the replay discard it.

    Raises RunNotFound, and RunConflict if the run was cancelled (`run_over`), is being compensated
    (`run_compensating`), is being worked on (`run_busy`), is of a workflow or version that this code does not declare
    or declares with more steps than the run had (`workflow_unknown`), or if a step must not be performed again or the
    run has succeeded and could now be compensated (`not_replayable`).
    """
    locked = select(RunRecord).where(RunRecord.id == run_id).with_for_update(key_share=True)
    run = session.scalars(locked.execution_options(populate_existing=True)).one_or_none()
    if run is None:
        raise RunNotFound("No such run.")
    steps = steps_of_run(session, run_id)
    again = find_again(run, steps, name, database_now(session))
    _discard(session, run, again)
    run.status, run.result, run.replays = "running", None, run.replays + 1
    run.finished_at = run.deadline = run.patience = run.stuck_at = run.stuck_reason = None
    run.attempts = run.publications = 0
    wake(session, run)
    return run


def list_starts(run: RunRow, steps: Sequence[StepRow], now: datetime) -> list[str]:
    """The steps from which the run can be replayed now, in the order of the workflow. An `Each` is listed once.

    Where nothing would be repeated, a retry does the same, and the step is not listed.
    """
    if not is_declared(run.workflow, run.version):
        return []
    begun = {step.name.partition("[")[0] for step in steps}
    workflow = workflow_of(run.workflow, run.version)
    names = [step.name for stage in workflow.stages for step in steps_of(stage) if step.name in begun]
    return [name for name in names if _repeats(workflow, run, steps, name, now)]


def _repeats(workflow: Workflow, run: RunRow, steps: Sequence[StepRow], name: str, now: datetime) -> bool:
    try:
        again = find_again(run, steps, name, now)
    except RunConflict:
        return False
    return any(has_happened(_declared(workflow, record), record) for record in again)


def find_again(run: RunRow, steps: Sequence[Kept], name: str, now: datetime) -> list[Kept]:
    """The records that a replay from this step would have performed again, in order of their start. Raises RunConflict
    as `replay` does."""
    workflow = _check_run(run, steps, now)
    again = _from(workflow, steps, name)
    for record in again:
        _check_step(workflow, record)
    return again


def _check_run(run: RunRow, steps: Sequence[StepRow], now: datetime) -> Workflow:
    if run.status == "cancelled":
        raise RunConflict("This run was cancelled: what it did is undone, and nothing is left to replay.",
                          code="run_over")  # fmt: skip
    if run.status == "compensating" or run.error:
        raise RunConflict("This run is being compensated and cannot go forward again.", code="run_compensating")
    if run.finished_at is not None and run.parent is not None:
        raise RunConflict(f"The run {run.parent} has used the result of this one.", code="not_replayable")
    if not is_declared(run.workflow, run.version):
        raise RunConflict(f"This release does not declare version {run.version} of {run.workflow}.",
                          code="workflow_unknown")  # fmt: skip
    for step in steps:
        if step.status == "intent" and not step.error and step.lease_until and step.lease_until > now:
            raise RunConflict(f"A worker is performing {step.name}; wait until it has ended.", code="run_busy")
    workflow = workflow_of(run.workflow, run.version)
    if run.status == "succeeded":
        _check_end(workflow, steps)
    return workflow


def _check_end(workflow: Workflow, steps: Sequence[StepRow]) -> None:
    """What a run that has succeeded must not do after all: undo something, or perform steps that were added since.

    An `Each` is not looked at: it may have had no items, and old outputs need not be those that it reads today.
    """
    progress = progress_in("running", steps)
    single = [step for stage in workflow.stages if not isinstance(stage, Each) for step in steps_of(stage)]
    if added := [step.name for step in single if progress.steps.get(step.name) != "done"]:
        raise RunConflict(
            f"This run has ended without {', '.join(added)}, which this release declares for {workflow.name}.",
            code="workflow_unknown",
        )  # fmt: skip
    if workflow.if_refused and can_turn_back(workflow, progress):
        raise RunConflict("This run has succeeded, and a failure would now undo it.", code="not_replayable")


def _from(workflow: Workflow, steps: Sequence[Kept], name: str) -> list[Kept]:
    """The begun steps from this one on: itself or its items, and those of later stages."""
    stages = [{step.name for step in steps_of(stage)} for stage in workflow.stages]
    base = name.partition("[")[0]
    place = next((number for number, stage in enumerate(stages) if base in stage), None)
    later = set[str]() if place is None else set[str]().union(*stages[place + 1 :])
    own = {step.name for step in steps if name in (step.name, step.name.partition("[")[0])}
    if place is None or not own:
        raise RunConflict(f"{name} is not a step that this run has begun.", code="not_replayable")
    return [step for step in steps if step.name in own or step.name.partition("[")[0] in later]


def _declared(workflow: Workflow, record: StepRow) -> Step:
    base = record.name.partition("[")[0]
    return next(step for step in workflow.all_steps() if step.name == base)


def _check_step(workflow: Workflow, record: StepRow) -> None:
    step = _declared(workflow, record)
    if not has_happened(step, record):
        return
    if step in workflow.pivots:
        why = "it is the point of no return of its workflow"
    elif any(stage.step is step for stage in workflow.undos):
        why = "its effect would have to be undone first"
    elif not step.replayable:
        why = "its effect could be repeated"
    else:
        return
    raise RunConflict(f"{record.name} must not be performed again: {why}.", code="not_replayable")


def has_happened(step: Step, record: StepRow) -> bool:
    """Whether performing the step could be a repetition: it is done, or its call may have been made."""
    return record.status == "done" or (step.is_external and record.request is not None)


def _discard(session: Session, run: RunRecord, again: Sequence[StepRecord]) -> None:
    """Keeps what is done as attempts, and has every step begun again. The rows stay, so that attempts go on counting.
    They have an error, so that a worker that has begun one of them before finds that its attempt has ended."""
    names = [step.name for step in again]
    done = [step for step in again if step.status == "done"]
    last = select(AttemptRecord.step, func.max(AttemptRecord.number)).where(AttemptRecord.run_id == run.id)
    known = dict(session.execute(last.where(AttemptRecord.step.in_(names)).group_by(AttemptRecord.step)).all())
    for step in done:  # of a step that was suspended, the attempts before are kept under the same numbers
        step.attempts = max(step.attempts, known.get(step.name, 0) + 1)
    rows = [
        {"run_id": run.id, "step": step.name, "number": step.attempts, "worker": step.worker, "error": REPLAYED,
         "output": step.output, "started_at": step.started_at, "ended_at": step.finished_at}
        for step in done
    ]  # fmt: skip
    if rows:
        session.execute(insert(AttemptRecord), rows)
    for step in done:
        forget_oldest(session, run.id, step.name, step.attempts)
    begun = update(StepRecord).where(StepRecord.run_id == run.id, StepRecord.name.in_(names))
    session.execute(begun.values(status="intent", error=REPLAYED, output=None, request=None, progress=None,
                                 lease_until=None, worker=None, finished_at=None))  # fmt: skip
