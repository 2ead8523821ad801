"""All changes of a run's status. The caller holds the run's lock.

running ---> succeeded            waiting: suspended until a time, a signal or the end of a child run
  |   <--> waiting                failed: not set by this release; `retry` resumes such a run
  v
compensating ---> cancelled
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Float, Function, String, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from durable import attempts, config, context, publishing, store, traces
from durable.errors import Refusal, RunConflict, RunNotFound, UnknownWorkflow
from durable.ids import Id, new_id
from durable.plan import FRESH, Call, can_turn_back, plan, progress_in
from durable.queries import get_run, steps_of_run
from durable.run import Run
from durable.tables import RunRecord, StepRecord
from durable.workflow import Workflow, is_known, workflow_of

LIVE = ("running", "waiting", "compensating")
CANCELLED = {"status": 409, "code": "cancelled_by_operator", "detail": "An operator cancelled the run."}
FOREVER = timedelta(days=3650)

_RUN_ID = bindparam("run_id", type_=Id("run"))


def _seconds(name: str) -> Function[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, bindparam(name, type_=Float))


_STARTED = ("id", "workflow", "version", "key", "input", "owner", "parent", "request_id", "trace", "patience")
_START = (
    insert(RunRecord)
    .values({name: bindparam(name) for name in _STARTED})
    .values(lease_until=func.clock_timestamp() + _seconds("lease"), published_at=func.clock_timestamp())
    .on_conflict_do_nothing(index_elements=["workflow", "key"])
    .returning(RunRecord.id)
)


def start(
    session: Session,
    workflow: str,
    key: str,
    input: Mapping[str, object],
    *,
    owner: str | None = None,
    parent: str | None = None,
    deadline: float | None = None,
) -> str:
    """Starts a run in the caller's transaction and returns its id. The run is published after the commit.

    `deadline`: seconds from its first step, after which an unfinished run is compensated. Starting the same workflow
    and key again has no effect and returns the id of the existing run. Raises UnknownWorkflow, and TypeError if
    required input is missing.
    """
    declared = workflow_of(workflow)
    if missing := declared.required - input.keys():
        raise TypeError(f"the input of {workflow} lacks {', '.join(sorted(missing))}")
    row = {
        "id": new_id("run"), "workflow": workflow, "version": declared.version, "key": key, "input": input,
        "owner": owner, "parent": parent, "request_id": context.request_id.get(),
        "trace": context.trace.get(), "patience": deadline, "lease": config.options().lease,
    }  # fmt: skip
    run_id: str | None = session.connection().scalar(_START, row)
    if run_id is None:
        return session.scalars(select(RunRecord.id).filter_by(workflow=workflow, key=key)).one()
    publishing.publish_after_commit(session, run_id, 0, plan(declared, FRESH))
    return run_id


def lock(session: Session, run_id: str) -> RunRecord | None:
    """Locks the record of a live run; None if it has ended or does not exist."""
    query = select(RunRecord).where(RunRecord.id == run_id, RunRecord.finished_at.is_(None))
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(locked).one_or_none()


def signal(session: Session, run_id: str, name: str, data: Mapping[str, object]) -> None:
    """Sends `data` to a live run and wakes it if it is suspended. Raises RunNotFound if it has ended."""
    run = lock(session, run_id)
    if run is None:
        raise RunNotFound("This run has ended or does not exist.")
    run.signals = {**run.signals, name: [*run.signals.get(name, []), data]}
    if run.status == "waiting":
        wake(session, run)


def wake(session: Session, run: RunRecord) -> None:
    """Resumes a locked run immediately, whether it is suspended or waits for a retry."""
    if run.status == "waiting":
        run.status, run.trace = "running", traces.linked(run.trace, context.trace.get())
    next_generation(run, config.options().lease)
    session.flush()
    paused = update(StepRecord).where(StepRecord.run_id == run.id, StepRecord.error.is_not(None))
    session.execute(paused.where(StepRecord.status == "intent").values(lease_until=None))
    publish_rest(session, run)


def publish_rest(session: Session, run: RunRecord) -> None:
    """Publishes the rest of a locked run after the commit. A run whose workflow is unknown here is left to a
    dispatcher that knows it."""
    try:
        workflow = workflow_of(run.workflow, run.version)
    except UnknownWorkflow:
        run.lease_until, run.published_at = func.clock_timestamp(), None
        return
    stages = plan(workflow, progress_in(run.status, steps_of_run(session, run.id)))
    if stages:
        publishing.publish_after_commit(session, run.id, run.generation, stages)
    else:
        end(session, run)


def next_generation(run: RunRecord, seconds: float) -> None:
    """Increments the generation: older messages are void, and the run is due for a dispatcher in `seconds`."""
    run.generation += 1
    run.lease_until = func.clock_timestamp() + timedelta(seconds=seconds)
    run.published_at = func.clock_timestamp()
    run.progress_at = func.clock_timestamp()


# Runs once per payment, for the gateway's webhook, and rarely finds a run.
_PAUSED = (
    select(RunRecord.id)
    .where(RunRecord.workflow == bindparam("workflow"), RunRecord.key == bindparam("key"))
    .where(RunRecord.finished_at.is_(None), RunRecord.published_at.is_(None))
    .with_for_update(key_share=True)
)


def wake_if_paused(session: Session, workflow: str, key: str) -> bool:
    """Wakes the run of this key if it is suspended or waits for a retry, so that no message is on its way."""
    run_id = session.connection().scalar(_PAUSED, {"workflow": workflow, "key": key})
    run = None if run_id is None else lock(session, run_id)
    if run is not None:
        wake(session, run)
    return run is not None


def extend_deadline(session: Session, run_id: str, seconds: float) -> None:
    """Moves the deadline of a run that has one to `seconds` from now. The caller holds the run's lock, as a step does.

    For steps that find out that the run has to wait for somebody.
    """
    later = func.clock_timestamp() + timedelta(seconds=seconds)
    run = update(RunRecord).where(RunRecord.id == run_id, RunRecord.patience.is_not(None))
    session.execute(run.values(deadline=later))


def retry(session: Session, run_id: str) -> RunRecord:
    """An operator's retry: resumes a live or failed run at its current step, immediately and without a deadline.

    Raises RunNotFound, and RunConflict if the run has ended (`run_over`) or its workflow is unknown
    (`workflow_unknown`).
    """
    run = session.scalars(select(RunRecord).where(RunRecord.id == run_id).with_for_update(key_share=True)).one_or_none()
    if run is None:
        raise RunNotFound("No such run.")
    if run.status not in ("failed", *LIVE):
        raise RunConflict(f"This run has ended ({run.status}) and cannot be retried.", code="run_over")
    try:
        workflow_of(run.workflow, run.version)
    except UnknownWorkflow as error:
        raise RunConflict(f"This release cannot continue the run: {error}", code="workflow_unknown") from error
    if run.status == "failed":
        run.status = "compensating" if run.error else "running"
    run.finished_at = run.deadline = run.patience = run.stuck_at = run.stuck_reason = None
    run.attempts = run.publications = 0
    wake(session, run)
    return run


def cancel(session: Session, run_id: str) -> RunRecord:
    """Compensates a run as if it had been refused: its completed steps are undone, and it ends as `cancelled`.

    A run whose workflow is not declared any more has no undo steps and ends immediately. Raises RunNotFound, and
    RunConflict if the run has ended (`run_over`), is being compensated (`run_compensating`), has passed its pivot
    (`past_pivot`), unless its workflow allows that, or was started by a newer release, whose undo steps are unknown
    here (`unknown_version`).
    """
    run = lock(session, run_id)
    if run is None:
        ended = get_run(session, run_id)
        raise RunConflict(f"This run has ended ({ended.status}) and cannot be cancelled.", code="run_over")
    if run.status == "compensating":
        raise RunConflict("This run is already being compensated.", code="run_compensating")
    if not is_known(run.workflow):
        run.error = CANCELLED
        end(session, run, "cancelled")
        return run
    try:
        workflow = workflow_of(run.workflow, run.version)
    except UnknownWorkflow as error:
        raise RunConflict(f"A newer release started this run; cancel it there. ({error})",
                          code="unknown_version") from error  # fmt: skip
    may_cancel = can_turn_back(workflow, progress_in(run.status, steps_of_run(session, run_id)))
    if not may_cancel and not workflow.cancel_past_pivot:
        raise RunConflict(f"This run has passed its pivot, {workflow.pivots[0].name}, and cannot be cancelled.",
                          code="past_pivot")  # fmt: skip
    compensate(run, CANCELLED)
    session.flush()
    publish_rest(session, run)
    return run


def compensate(run: RunRecord, error: dict[str, Any]) -> None:
    """Starts the compensation of a locked run because of `error`."""
    run.status, run.error = "compensating", error
    run.attempts = run.publications = 0
    next_generation(run, config.options().lease)


def end(session: Session, run: RunRecord, status: str | None = None) -> None:
    """Ends a locked run without remaining steps, and wakes the run that waits for it."""
    run.status = status or ("cancelled" if run.status == "compensating" else "succeeded")
    run.finished_at, run.published_at = func.clock_timestamp(), None
    run.attempts, run.stuck_at, run.stuck_reason = 0, None, None
    session.flush()
    notify(session, run.id)
    wake_parent(session, run.parent)


def notify(session: Session, run_id: str) -> None:
    """Notifies those who wait for the end of a run, on commit: it has ended, or waits for somebody they know."""
    session.execute(select(func.pg_notify(store.ENDED, run_id)))


def wake_parent(session: Session, parent: str | None) -> None:
    """Wakes the parent of a child run that has just ended, if it is suspended."""
    if parent is not None and (run := lock(session, parent)) is not None and run.status == "waiting":
        wake(session, run)


# ---- by a worker


def finish(session: Session, workflow: Workflow, run: Run, worker: str) -> str:
    """Ends a run without remaining steps, writes its recorded steps, and wakes the run that waits for it. Returns its
    status.

    The result is the output of the last step; for a compensated run, of the last local step of `if_refused`.
    """
    back = run.status == "compensating"
    closing = [step for step in workflow.if_refused if not step.is_external][-1:] if back else [workflow.last]
    result = next((run.output(step) for step in closing), None)
    status = "cancelled" if back else "succeeded"
    store.write_end(session, run, worker, status, result)
    wake_parent(session, run.parent)
    return status


_COMPENSATE = text("""
    UPDATE workflow.run SET status = 'compensating', error = :error, generation = generation + 1, attempts = 0,
        publications = 0, published_at = NULL, progress_at = clock_timestamp(),
        lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE id = :run_id
""").bindparams(_RUN_ID, bindparam("error", type_=JSONB))


def refuse(session: Session, run: Run, call: Call, refusal: Refusal, worker: str, *, known: bool) -> None:
    """Records a refusal at its step and starts the run's compensation, which continues in this worker.

    `known`: the step certainly had no effect. Otherwise an external call may have been processed and is undone too.
    """
    error = {"status": refusal.status, "code": refusal.code, "detail": refusal.detail, "step": call.name,
             **refusal.extra}  # fmt: skip
    attempts.write_error(session, run, call, error, worker, "refused" if known else "intent", None)
    session.connection().execute(_COMPENSATE, {"run_id": run.id, "error": error, "lease": config.options().lease})
    run.status, run.error, run.generation = "compensating", error, run.generation + 1


_SUSPEND = text("""
    WITH unbegun AS (DELETE FROM workflow.step WHERE run_id = :run_id AND name = :name)
    UPDATE workflow.run SET status = 'waiting', generation = generation + 1, published_at = NULL,
        lease_until = least(:until, CASE WHEN deadline > clock_timestamp() THEN deadline END),
        progress_at = clock_timestamp(), attempts = 0, publications = 0, trace = coalesce(:trace, trace)
    WHERE id = :run_id
""").bindparams(_RUN_ID, bindparam("trace", type_=String))


def suspend(session: Session, run: Run, name: str, until: datetime | None) -> None:
    """Suspends the run until `until` or its deadline, without a worker. Its step counts as not started.

    A deadline that has passed was already handled and does not wake the run again. Raises TypeError for a run that is
    being compensated, because it would resume in the wrong direction.
    """
    if run.status == "compensating":
        raise TypeError(f"{name}: an undo step or a step of `if_refused` cannot suspend its run")
    trace = traces.linked(run.trace, traces.of_suspension(run, name), only=True)
    values = {"run_id": run.id, "name": name, "until": until or run.now() + FOREVER, "trace": trace}
    session.connection().execute(_SUSPEND, values)
