"""What operators ask of runs and of the shop as a whole; the API and the `shop` command share it."""

from datetime import timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from models import audit, runs
from models.database import transaction
from models.errors import Conflict
from tasks.gateways import payments
from workflows.engine import WORKFLOWS, Pivot, progress_of, revocable

CANCELLED = {"status": 409, "code": "cancelled_by_operator", "detail": "An operator has cancelled it."}


def found(workflow: str | None = None, status: str | None = None, older_than: float | None = None) -> Select[runs.Run]:
    """The query for runs, to be ordered by the caller; `older_than`: seconds since they were started."""
    query = select(runs.Run)
    if workflow:
        query = query.where(runs.Run.workflow == workflow)
    if status:
        query = query.where(runs.Run.status == status)
        if status in runs.LIVE:
            query = query.where(runs.Run.finished_at.is_(None))  # there is an index for that
    if older_than is not None:
        query = query.where(runs.Run.created_at < func.now() - timedelta(seconds=older_than))
    return query


def cancel(session: Session, run_id: str) -> runs.Run:
    """Turns a run back, as if it had been refused: what it has done is undone, and it ends `cancelled`.

    It goes on at once after the commit. Raises NotFound, and Conflict for a run that has ended (`run_over`), is
    being taken back already (`run_compensating`), or has passed its pivot (`past_pivot`).
    """
    run = runs.lock(session, run_id)
    if run is None:
        ended = runs.get(session, run_id)
        raise Conflict(f"This run has ended ({ended.status}); there is nothing to cancel.", code="run_over")
    if run.status == "compensating":
        raise Conflict("This run is being taken back already.", code="run_compensating")
    workflow = WORKFLOWS[run.workflow]
    if not revocable(workflow, progress_of(run, runs.steps_of(session, [run_id])[run_id])):
        pivot = next(stage.step.name for stage in workflow.stages if isinstance(stage, Pivot))
        raise Conflict(f"{pivot} is done: from there on this run only goes forward.", code="past_pivot")
    runs.turn(run, CANCELLED)
    runs.wake(session, run)
    return run


def check_invariants() -> list[audit.Finding]:
    """The shop's invariants, checked now. Takes time with the number of payments that the gateway knows.

    Raises GatewayDown, and OperationalError when the database is away.
    """
    with transaction() as session:
        asked_at = session.scalars(select(func.clock_timestamp())).one()
    intents = [
        audit.Intent(held.reference, held.order_id, _state(held), held.amount, held.currency)
        for held in payments.intents()
    ]
    with transaction() as session:
        return audit.audit(session, audit.Ledger(asked_at, intents))


def _state(payment: payments.Intent) -> str:
    """The gateway's words for a payment that it has authorised, in the audit's; its own word for any other."""
    if payment.status == "canceled" and payment.was_held:
        return "lapsed" if payment.cancellation_reason in payments.LAPSED else "voided"
    return {"requires_capture": "authorised", "succeeded": "captured"}.get(payment.status, payment.status)
