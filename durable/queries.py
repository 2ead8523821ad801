"""Queries for runs, steps and attempts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select
from sqlalchemy.orm import Session

from durable.errors import RunNotFound
from durable.tables import AttemptRecord, RunRecord, RunRow, StepRecord, StepRow
from durable.workflow import is_declared

Reader = Session | Connection
Found = TypeVar("Found")


def database_now(session: Session) -> datetime:
    """The time by the database's clock."""
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now


def get_run(session: Session, run_id: str) -> RunRecord:
    """Returns a run. Raises RunNotFound."""
    return _found(session.get(RunRecord, run_id))


def find_runs(
    workflow: str | None = None, status: str | None = None, older_than: float | None = None, *,
    owner: str | None = None, request_id: str | None = None, stuck: bool | None = None, step: str | None = None,
    error: str | None = None,
) -> Select[RunRecord]:  # fmt: skip
    """The query for runs. The caller orders it. `older_than`: minimum age in seconds. `owner`: the user who started
    them. `request_id`: the request that did. `stuck`: whether they require an operator. `error`: the code with which
    they were refused. `step`: the one that they have begun and not completed; with `error`, the one that was refused.
    """
    query = select(RunRecord)
    if owner:
        query = query.where(RunRecord.owner == owner)
    if request_id:
        query = query.where(RunRecord.request_id == request_id)
    if stuck is not None:
        query = query.where(RunRecord.stuck_at.is_not(None) if stuck else RunRecord.stuck_at.is_(None))
    if stuck:
        query = query.where(RunRecord.finished_at.is_(None))  # uses a partial index
    if workflow:
        query = query.where(RunRecord.workflow == workflow)
    if status:
        query = query.where(RunRecord.status == status)
        if status in ("running", "waiting", "compensating"):
            query = query.where(RunRecord.finished_at.is_(None))  # uses a partial index
    if older_than is not None:
        query = query.where(RunRecord.created_at < func.now() - timedelta(seconds=older_than))
    if error:
        query = query.where(RunRecord.error.is_not(None), RunRecord.error["code"].astext == error)  # a partial index
        return query.where(RunRecord.error["step"].astext == step) if step else query
    return query.where(RunRecord.finished_at.is_(None), _has_begun(step)) if step else query


def _has_begun(step: str) -> ColumnElement[bool]:
    begun = select(StepRecord.run_id).where(StepRecord.run_id == RunRecord.id, StepRecord.name == step)
    return begun.where(StepRecord.status != "done").exists()


def count_undeclared(session: Session) -> list[tuple[str, int, int]]:
    """Workflow, version and number of the live runs whose workflow or version this code does not declare."""
    live = select(RunRecord.workflow, RunRecord.version, func.count()).where(RunRecord.finished_at.is_(None))
    found = session.execute(
        live.group_by(RunRecord.workflow, RunRecord.version).order_by(RunRecord.workflow, RunRecord.version)
    )
    return [(name, version, count) for name, version, count in found if not is_declared(name, version)]


_OWNER = select(
    RunRecord.owner, RunRecord.finished_at.is_not(None).label("ended"), (RunRecord.status == "waiting").label("waits")
).where(RunRecord.id == bindparam("run_id"))
_RUN = select(RunRecord.__table__).where(RunRecord.id == bindparam("run_id"))
_IN_ORDER = StepRecord.started_at, StepRecord.name
_STEPS = select(StepRecord.__table__).where(StepRecord.run_id == bindparam("run_id")).order_by(*_IN_ORDER)


def get_owner(session: Reader, run_id: str) -> Row[str | None, bool, bool]:
    """The `owner` of a run, whether it has `ended`, and whether it `waits`. Raises RunNotFound."""
    return _found(session.execute(_OWNER, {"run_id": run_id}).one_or_none())


def run_with_steps(session: Reader, run_id: str) -> tuple[RunRow, Sequence[StepRow]]:
    """A run and its steps as rows, which cost a third of objects. Raises RunNotFound.

    The steps are read after the run, so those of an ended run are complete.
    """
    run = _found(session.execute(_RUN, {"run_id": run_id}).one_or_none())
    return run, session.execute(_STEPS, {"run_id": run_id}).all()


def steps_of_run(session: Session, run_id: str) -> list[StepRecord]:
    """The steps of a run, in order of their start."""
    return steps_of_runs(session, [run_id])[run_id]


def steps_of_runs(session: Session, run_ids: Sequence[str]) -> dict[str, list[StepRecord]]:
    """Run id → its steps, in order of their start."""
    found: dict[str, list[StepRecord]] = {run_id: [] for run_id in run_ids}
    query = select(StepRecord).where(StepRecord.run_id.in_(run_ids)).order_by(*_IN_ORDER)
    for step in session.scalars(query.execution_options(populate_existing=True)):
        found[step.run_id].append(step)
    return found


def attempts_of_run(session: Session, run_id: str) -> Sequence[AttemptRecord]:
    """The failed attempts of a run, oldest first."""
    query = select(AttemptRecord).where(AttemptRecord.run_id == run_id)
    return session.scalars(query.order_by(AttemptRecord.ended_at, AttemptRecord.number, AttemptRecord.step)).all()


def attempts_of_step(session: Session, run_id: str, name: str) -> Sequence[AttemptRecord]:
    """The failed attempts of a step, oldest first."""
    return [attempt for attempt in attempts_of_run(session, run_id) if attempt.step == name]


def progress_of_step(session: Session, run_id: str, name: str) -> dict[str, Any]:
    """What the attempts of a step have reported last with `heartbeat`; empty if nothing."""
    return session.scalar(select(StepRecord.progress).filter_by(run_id=run_id, name=name)) or {}


def _found(found: Found | None) -> Found:
    if found is None:
        raise RunNotFound("No such task.")
    return found
