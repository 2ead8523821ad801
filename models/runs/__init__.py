"""Runs and their steps: the durable record of every workflow, and the rules by which it changes.

The row is the message. What Celery carries is only a hint that a run can go on; whether it may, and from
where, is decided here, under the lock of the run's row.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Float, Row, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.database import Statements, new_id, request_id
from models.errors import Conflict, NotFound
from models.runs.holding import ENDED, Held, Known, Parked, keep, park, take, write, write_end
from models.runs.tables import Run, Served, Step
from models.runs.turning import end, next_generation, pause, refuse, retry_later, take_back, turn
from settings import settings

LIVE = ("running", "waiting", "compensating")


def _in(seconds: str) -> Any:
    """So many seconds from now on; NULL for None."""
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam(seconds, type_=Float))


_START = (
    insert(Run)
    .values({name: bindparam(name) for name in ("id", "workflow", "key", "input", "owner", "request_id")})
    .values(lease_until=_in("lease"), deadline=_in("patience"), published_at=func.now())
    .on_conflict_do_nothing(index_elements=["workflow", "key"])
    .returning(Run.id)
)


def start(
    session: Session,
    workflow: str,
    key: str,
    input: dict[str, Any],
    *,
    owner: str | None = None,
    deadline: float | None = None,
) -> str:
    """Starts a run in the caller's transaction and returns its id; it is published after the commit.

    `deadline`: seconds after which an unfinished run is compensated. A second start with the same workflow
    and key starts nothing and returns the first run's id.
    """
    row = {
        "id": new_id("run"), "workflow": workflow, "key": key, "input": input, "owner": owner,
        "request_id": request_id.get(), "lease": settings.lease, "patience": deadline,
    }  # fmt: skip
    run_id: str | None = session.connection().scalar(_START, row)
    if run_id is None:
        return session.scalars(select(Run.id).where(Run.workflow == workflow, Run.key == key)).one()
    session.info.setdefault("nudge", []).append((run_id, workflow, 0))
    return run_id


def lock(session: Session, run_id: str, generation: int | None = None) -> Run | None:
    """Locks the run's row, if it is live and, where one is given, of that generation."""
    query = select(Run).where(Run.id == run_id, Run.finished_at.is_(None)).with_for_update()
    if generation is not None:
        query = query.where(Run.generation == generation)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def signal(session: Session, run_id: str, name: str, data: dict[str, Any]) -> None:
    """Hands `data` to a live run and wakes it if it is parked. Raises NotFound if the run is over."""
    run = lock(session, run_id)
    if run is None:
        raise NotFound("This run is over or does not exist.")
    run.signals = {**run.signals, name: [*run.signals.get(name, []), data]}
    if run.status == "waiting":
        wake(session, run)


def wake(session: Session, run: Run) -> None:
    """Makes a locked, parked or pausing run go on at once; it is published after the commit."""
    if run.status == "waiting":
        run.status = "running"
    next_generation(run, settings.lease)
    run.published_at = datetime.now(UTC)
    session.info.setdefault("nudge", []).append((run.id, run.workflow, run.generation))


# Each payment asks this once, by the gateway's webhook, and hardly ever finds one.
_PAUSING = (
    select(Run.id)
    .where(Run.workflow == bindparam("workflow"), Run.key == bindparam("key"))
    .where(Run.finished_at.is_(None), Run.published_at.is_(None))
    .with_for_update()
)


def pausing(session: Session, workflow: str, key: str) -> Run | None:
    """The run of that key, locked, if it is live and has no message under way: parked, or between two attempts."""
    run_id = session.connection().scalar(_PAUSING, {"workflow": workflow, "key": key})
    return None if run_id is None else session.get(Run, run_id, populate_existing=True)


def retry(session: Session, run_id: str) -> Run:
    """An operator's retry: a failed or stuck run goes on where it stood. Raises NotFound, Conflict."""
    run = session.scalars(select(Run).where(Run.id == run_id).with_for_update()).one_or_none()
    if run is None:
        raise NotFound("There is no such run.")
    if run.status not in ("failed", *LIVE):
        raise Conflict(f"This run has ended ({run.status}); there is nothing to retry.", code="run_over")
    if run.status == "failed":
        run.status = "compensating" if run.error else "running"
    run.finished_at, run.deadline, run.stuck_at, run.attempts = None, None, None, 0
    wake(session, run)
    return run


_SERVED = insert(Served).values({name: bindparam(name) for name in ("queue", "published_at", "served")})
_NOTE_SERVED = _SERVED.on_conflict_do_update(
    index_elements=["queue"],
    set_={
        "published_at": func.greatest(Served.published_at, _SERVED.excluded.published_at),
        "served": Served.served + _SERVED.excluded.served,
    },
)


def note_served(session: Statements, queue: str, published_at: datetime, count: int) -> None:
    """Notes how far a queue has been served, which never goes back, and that `count` more messages were taken."""
    session.execute(_NOTE_SERVED, {"queue": queue, "published_at": published_at, "served": count})


def served_so_far(session: Statements, queues: Sequence[str]) -> dict[str, int]:
    """How many messages workers have taken from each of these queues; none for a queue that was never served."""
    found = session.execute(select(Served.queue, Served.served).where(Served.queue.in_(queues)))
    return dict(found.all())


def get(session: Session, run_id: str) -> Run:
    """The run. Raises NotFound."""
    return _found(session.get(Run, run_id))


_GLANCE = select(Run.owner, Run.finished_at.is_not(None).label("ended")).where(Run.id == bindparam("run_id"))
_RUN = select(Run.__table__).where(Run.id == bindparam("run_id"))
_STEPS = select(Step.__table__).where(Step.run_id == bindparam("run_id")).order_by(Step.started_at)


def glance(session: Statements, run_id: str) -> Row[str | None, bool]:
    """Whose the run is (`owner`) and whether it has `ended`. Raises NotFound."""
    return _found(session.execute(_GLANCE, {"run_id": run_id}).one_or_none())


def look(session: Statements, run_id: str) -> tuple[Row[Any], Sequence[Row[Any]]]:
    """The run and its steps as rows, to be shown: objects cost three times as much. Raises NotFound.

    The steps are read after the run, so those of an ended one are complete.
    """
    run = _found(session.execute(_RUN, {"run_id": run_id}).one_or_none())
    return run, session.execute(_STEPS, {"run_id": run_id}).all()


def _found(run: Any) -> Any:
    if run is None:
        raise NotFound("There is no such task.")
    return run


def steps_of(session: Session, run_ids: Sequence[str]) -> dict[str, list[Step]]:
    """The steps of some runs, each run's in the order in which they began."""
    found: dict[str, list[Step]] = {run_id: [] for run_id in run_ids}
    for step in session.scalars(select(Step).where(Step.run_id.in_(run_ids)).order_by(Step.started_at)):
        found[step.run_id].append(step)
    return found
