"""What becomes of a run that does not simply go on: ended, turned back, tried again. Under the lock of its row."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.database import Id
from models.errors import GatewayDown, ShopError
from models.runs.holding import ENDED
from models.runs.tables import Run, Step
from settings import settings


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
    changed["generation"] = new.excluded.generation
    changed["attempts"] = Step.attempts + (Step.generation < new.excluded.generation).cast(Step.attempts.type)
    written = new.on_conflict_do_update(
        index_elements=["run_id", "name"], set_=changed, where=Step.status != "done"
    ).returning(Step.attempts)
    return session.scalars(written).one_or_none() or 1
