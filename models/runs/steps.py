"""What a worker may do with a step of a run, always under the lock of the run's row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, String, bindparam, column, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from models.database import Id
from models.errors import GatewayDown, ShopError
from models.runs.tables import Run, Step
from settings import settings

ENDED = "run_ended"  # channel of NOTIFY; its payload is the run's id


@dataclass(frozen=True)
class Claim:
    """A run whose row this transaction has locked, and what became of the step that was asked for."""

    run: Row[Any]
    status: str  # "claimed", or the status of a step that can't be claimed


@dataclass(frozen=True)
class Parked:
    """What a step returns to wait: until `until`, or until a signal comes. It is performed again then."""

    until: datetime


_COLUMNS = list(Run.__table__.columns)
# One statement, for it is the commonest there is. Under READ COMMITTED the UPDATE looks at the row as it is
# once the lock is had, and ON CONFLICT at the step as it is now; a sub-select would see an older snapshot.
_CLAIM = text(f"""
    WITH run AS (
        UPDATE workflow.run SET lease_until = clock_timestamp() + make_interval(secs => :lease)
        WHERE id = :run_id AND generation = :generation AND finished_at IS NULL
        RETURNING {", ".join(column.name for column in _COLUMNS)}
    ), claimed AS (
        INSERT INTO workflow.step AS step (run_id, name, status, generation, queue, worker, started_at)
        SELECT id, :name, :status, generation, :queue, :worker, clock_timestamp() FROM run
        ON CONFLICT (run_id, name) DO UPDATE
        SET status = excluded.status, generation = excluded.generation, worker = excluded.worker,
            attempts = step.attempts + 1, started_at = excluded.started_at, error = NULL
        WHERE step.status = 'intent' AND (step.generation < excluded.generation OR :again)
        RETURNING name
    )
    SELECT run.*, (SELECT name FROM claimed) AS claimed FROM run
""").columns(*_COLUMNS, column("claimed", String))  # noqa: S608, the names are our own


def claim(
    session: Session,
    run_id: str,
    generation: int,
    name: str,
    *,
    queue: str,
    worker: str | None,
    status: str,
    lease: float,
    again: bool,
) -> Claim | None:
    """Locks the run and takes the step for this transaction, as `done` or, before an outside call, `intent`.

    `lease`: seconds for which nobody else need worry. None: the run is over or the message is of an old
    generation. An `intent` of the same generation is in somebody else's hands, unless the message comes
    `again`, from a worker that died with it.
    """
    values = {
        "run_id": Id("run").process_bind_param(run_id, None), "generation": generation, "name": name,
        "queue": queue, "worker": worker, "status": status, "lease": lease, "again": again,
    }  # fmt: skip
    run = session.execute(_CLAIM, values).one_or_none()
    if run is None:
        return None
    if run.claimed:
        return Claim(run, "claimed")
    found = session.scalars(select(Step.status).where(Step.run_id == run_id, Step.name == name)).one()
    return Claim(run, found)


# The message of what comes next is published from now on, and what it took to get here is forgotten.
_FINISH = text("""
    WITH step AS (
        UPDATE workflow.step SET status = 'done', output = :output, finished_at = clock_timestamp()
        WHERE run_id = :run_id AND name = :name
    )
    UPDATE workflow.run SET published_at = clock_timestamp(), attempts = 0, stuck_at = NULL WHERE id = :run_id
""").bindparams(bindparam("output", type_=JSONB(none_as_null=True)), bindparam("run_id", type_=Id("run")))


# Who waits for the run is woken by the notification, which PostgreSQL delivers with the commit.
_END = text("""
    WITH step AS (
        UPDATE workflow.step SET status = 'done', output = :output, finished_at = clock_timestamp()
        WHERE run_id = :run_id AND name = :name
    ), run AS (
        UPDATE workflow.run
        SET status = :ends, result = :output, finished_at = clock_timestamp(), attempts = 0, stuck_at = NULL
        WHERE id = :run_id
    )
    SELECT pg_notify(:channel, :payload)
""").bindparams(bindparam("output", type_=JSONB(none_as_null=True)), bindparam("run_id", type_=Id("run")))


def finish(session: Session, run_id: str, name: str, output: dict[str, Any] | None, ends: str | None = None) -> None:
    """Writes the step's output; with `ends`, the run ends in that status and the output is its result.

    The caller holds the run's lock.
    """
    values = {"run_id": run_id, "name": name, "output": output}
    if ends is None:
        session.execute(_FINISH, values)
    else:
        session.execute(_END, {**values, "ends": ends, "channel": ENDED, "payload": run_id})


def hold(session: Session, run_id: str, generation: int, name: str) -> bool:
    """Locks the run's row and the step's. Says whether the run is still live and of that generation, and the step
    not recorded yet: its message may have gone to another worker, as if this one had died."""
    held = select(Run.generation).join(Step, Step.run_id == Run.id)
    held = held.where(Run.id == run_id, Run.generation == generation, Run.finished_at.is_(None))
    held = held.where(Step.name == name, Step.status == "intent")
    return session.execute(held.with_for_update()).one_or_none() is not None


def count_done(session: Session, run_id: str, names: Sequence[str]) -> int:
    """How many of these steps are done. Exact under the run's lock."""
    done = select(func.count()).where(Step.run_id == run_id, Step.name.in_(names), Step.status == "done")
    return session.scalars(done).one()


def end(session: Session, run_id: str, status: str) -> None:
    """Ends a run that has nothing left to do and wakes who waits for it. The caller holds the run's lock."""
    ended = {"status": status, "finished_at": func.clock_timestamp(), "attempts": 0}
    session.execute(update(Run).where(Run.id == run_id).values(ended))
    session.execute(select(func.pg_notify(ENDED, run_id)))


_TAKE_BACK = text("""
    UPDATE workflow.run SET attempts = greatest(attempts, least(attempts + 1, :most))
    WHERE id = :run_id AND finished_at IS NULL AND (generation = :generation
        OR generation = :generation + 1 AND status = 'compensating' AND :generation = (
            SELECT step.generation FROM workflow.step WHERE run_id = run.id AND name = run.error->>'step'
        ))
    RETURNING attempts, generation
""")


def take_back(session: Session, run_id: str, generation: int) -> int | None:
    """Counts a worker that died with this run in hand, whose message has come back.

    Returns the generation under which the message goes on: its own, or the one that a refusal under it, in that
    worker, has led to. None if it has nothing to go on with: the run is over or in other hands, or as many
    workers as `settings.attempts` have died with it since a step was last done.
    """
    values = {"run_id": Id("run").process_bind_param(run_id, None), "generation": generation}
    found = session.execute(_TAKE_BACK, {**values, "most": settings.attempts}).one_or_none()
    return None if found is None or found.attempts >= settings.attempts else found.generation


def refuse(session: Session, run: Run, name: str, queue: str, refusal: ShopError, *, status: str = "refused") -> None:
    """Turns a locked run to compensation and records the refusal at its step.

    `status` is `intent` where an outside call may have happened all the same, so that it is undone too.
    """
    error = {"status": refusal.status, "code": refusal.code, "detail": refusal.detail, "step": name, **refusal.extra}
    _write_error(session, run, name, queue, status, error)
    turn(run, error)


def turn(run: Run, error: dict[str, Any]) -> None:
    """Turns a locked run to compensation, because of `error`; it is due at once."""
    run.error = error
    run.status = "compensating"
    next_generation(run, settings.lease)
    run.published_at = datetime.now(UTC)
    run.attempts = 0


def retry_later(session: Session, run: Run, name: str, queue: str, error: Exception, *, crashed: bool) -> None:
    """Notes a failed attempt on a locked run and makes it due after a pause that doubles up to a minute."""
    note = _note(error)
    attempts = _write_error(session, run, name, queue, "intent", note)
    next_generation(run, pause(attempts - 1))
    run.published_at = None
    run.attempts += int(crashed)


def _note(error: Exception) -> dict[str, Any]:
    """What a step's row says of a failed attempt. `trace` is for operators: it may hold what no customer should see."""
    if isinstance(error, ShopError):
        return {"code": error.code, "detail": error.detail}
    if isinstance(error, GatewayDown):
        return {"code": "gateway_down", "detail": str(error)[:1000]}
    trace = f"{type(error).__name__}: {error}"[:1000]
    return {"code": "internal_error", "detail": "Something went wrong on our side.", "trace": trace}


def pause(attempts: int) -> float:
    """Seconds before the next try: the lease, doubling up to a minute."""
    return min(settings.lease * 2 ** min(attempts, 10), 60.0)


def park(session: Session, run: Row[Any], name: str, until: datetime) -> None:
    """Lets a claimed run wait without a worker. Its step counts as not begun."""
    session.execute(text("DELETE FROM workflow.step WHERE run_id = :run AND name = :name"),
                    {"run": Id("run").process_bind_param(run.id, None), "name": name})  # fmt: skip
    values = {
        "status": "waiting",
        "lease_until": until,
        "generation": Run.generation + 1,
        "published_at": None,
    }
    session.execute(update(Run).where(Run.id == run.id).values(values))


def next_generation(run: Run, seconds: float) -> None:
    run.generation += 1
    run.lease_until = datetime.now(UTC) + timedelta(seconds=seconds)


def _write_error(session: Session, run: Run, name: str, queue: str, status: str, error: dict[str, Any]) -> int:
    """Writes the step's error and returns its attempts. A step that is done stays so: its commit may have been
    carried out although its worker did not hear of it."""
    new = insert(Step).values(
        run_id=run.id, name=name, status=status, queue=queue, error=error, generation=run.generation,
        started_at=func.clock_timestamp(), finished_at=func.clock_timestamp() if status == "refused" else None,
    )  # fmt: skip
    # A local step's row went with its rolled-back transaction; an intent was counted when it was claimed.
    changed = {"status": status, "error": error, "finished_at": new.excluded.finished_at}
    changed["attempts"] = Step.attempts + (Step.generation < new.excluded.generation).cast(Step.attempts.type)
    written = new.on_conflict_do_update(
        index_elements=["run_id", "name"], set_=changed, where=Step.status != "done"
    ).returning(Step.attempts)
    return session.scalars(written).one_or_none() or 1
