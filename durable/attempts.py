"""Failed attempts of steps: recording them, and counting them.

An attempt is an execution that a worker has started: it raised an exception, or its start was committed and its worker
has died since.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from traceback import extract_tb

from sqlalchemy import bindparam, delete, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable import config
from durable.errors import Refusal, Unavailable
from durable.ids import Id
from durable.plan import Call
from durable.run import Run
from durable.tables import AttemptRecord, RunRecord, StepRecord

KEPT = 100  # failed attempts kept per step
_ROOT = Path(__file__).parents[1]  # where the application is, too: a checkout, or what it is installed into


def record_failure(session: Session, run: Run, call: Call, error: Exception, worker: str) -> None:
    """Records a failed attempt of a step and schedules the next one. Other steps of the run continue.

    The failure counts as an attempt of the run, unless it is `Unavailable`.
    """
    state = run.steps.get(call.name)
    number = state.attempts if state and state.held else (state.attempts + 1 if state else 1)
    seconds = call.step.retry.delay(number)
    if not write_error(session, run, call, _describe(error), worker, "intent", seconds):
        return
    _keep_attempt(session, run.id, call.name, number, worker, _describe(error), state.started_at if state else None)
    given_up = call.step.retry.attempts is not None and number >= call.step.retry.attempts
    attempts = config.options().attempts if given_up else run.attempts + (not isinstance(error, Unavailable))
    run.attempts = attempts
    postpone(session, run, seconds, attempts=attempts)


def record_loss(session: Session, run: Run, call: Call) -> None:
    """Records and counts an attempt whose worker has died."""
    state = run.steps[call.name]
    error = {"code": "worker_lost", "detail": "The worker died, or lost the database, while performing this step."}
    _keep_attempt(session, run.id, call.name, state.attempts, state.worker, error, state.started_at)
    run.attempts += 1
    since = datetime.fromisoformat(state.started_at).timestamp() if state.started_at else time.time()
    config.options().observer.step_ended(run, call, "lost", since)
    counted = update(RunRecord).where(RunRecord.id == run.id).values(attempts=run.attempts)
    session.execute(counted.execution_options(synchronize_session=False))


_POSTPONE = text("""
    UPDATE workflow.run SET lease_until = clock_timestamp() + make_interval(secs => :seconds), published_at = NULL,
        attempts = coalesce(:attempts, attempts)
    WHERE id = :run_id
""").bindparams(bindparam("run_id", type_=Id("run")))


def postpone(session: Session, run: Run, seconds: float, attempts: int | None = None) -> None:
    """Schedules a run without a message: in `seconds`, or when the lease of a sibling expires."""
    if any(state.held and not state.failed for state in run.steps.values()):
        seconds = min(seconds, config.options().lease)
    values = {"run_id": run.id, "seconds": max(seconds, 0.0), "attempts": attempts}
    session.connection().execute(_POSTPONE, values)


def _describe(error: Exception) -> dict[str, str]:
    """The error of a failed attempt as stored. `trace` and `where` are for operators: customers must not see them."""
    if isinstance(error, Refusal):
        return {"code": error.code, "detail": error.detail}
    if isinstance(error, Unavailable):
        return {"code": "gateway_down", "detail": str(error)[:1000]}
    trace = f"{type(error).__name__}: {error}"[:1000]
    shown = {"code": "internal_error", "detail": "Something went wrong on our side.", "trace": trace}
    return {**shown, "where": where} if (where := _locate(error)) else shown


def _locate(error: Exception) -> str | None:
    """The line that raised the exception, or that called the library which did: `tasks/orders.py:12 in confirm`."""
    for frame in reversed(extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT) and "site-packages" not in path.relative_to(_ROOT).parts:
            return f"{path.relative_to(_ROOT)}:{frame.lineno} in {frame.name}"
    return None


def write_error(
    session: Session, run: Run, call: Call, error: Mapping[str, object], worker: str, status: str, pause: float | None
) -> bool:
    """Writes the error of a step. Returns False if the step is done: its transaction may have committed although the
    worker received an error."""
    lease_until = None if pause is None else func.clock_timestamp() + timedelta(seconds=pause)
    new = insert(StepRecord).values(
        run_id=run.id, name=call.name, status=status, queue=call.step.queue, error=error, worker=worker,
        lease_until=lease_until, started_at=func.clock_timestamp(),
        finished_at=func.clock_timestamp() if status == "refused" else None,
    )  # fmt: skip
    changed: dict[str, object] = {name: new.excluded[name] for name in ("status", "error", "worker", "lease_until")}
    changed["finished_at"] = new.excluded.finished_at
    if status == "refused":
        changed["request"] = None
    state = run.steps.get(call.name)
    # A local step's record was rolled back with its transaction; an intent was counted when it was started.
    if state is not None and not state.held:
        changed["attempts"] = StepRecord.attempts + 1
    written = new.on_conflict_do_update(index_elements=["run_id", "name"], set_=changed,
                                        where=StepRecord.status != "done")  # fmt: skip
    return session.scalars(written.returning(StepRecord.attempts)).one_or_none() is not None


def _keep_attempt(
    session: Session,
    run_id: str,
    step: str,
    number: int,
    worker: str | None,
    error: Mapping[str, str],
    since: str | None,
) -> None:
    row = {"run_id": run_id, "step": step, "number": number, "worker": worker, "error": error, "started_at": since}
    session.execute(insert(AttemptRecord).values(row).on_conflict_do_nothing())
    forget_oldest(session, run_id, step, number)


def forget_oldest(session: Session, run_id: str, step: str, number: int) -> None:
    """Deletes the attempts of a step that are too old, after the one with this number was kept."""
    if number > KEPT:
        old = delete(AttemptRecord).where(AttemptRecord.run_id == run_id, AttemptRecord.step == step)
        session.execute(old.where(AttemptRecord.number <= number - KEPT))
