"""Steps of the returns service."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import returns
from models.core.workflow_inputs import ReturnInput, UserInput
from settings import settings
from tasks.orders import credit_return

service = Service("returns")

RETRY_AFTER = timedelta(days=1)  # signals wake the run immediately; without one, nothing changes


@service.step
def await_decision(session: Session, run: Run[ReturnInput]) -> dict[str, str] | Suspend:
    """Waits until staff approve or refuse the return."""
    run.consume("decided")  # the decision is recorded in the return
    made = returns.get_return(session, run.input["return_id"])
    return Suspend(run.now() + RETRY_AFTER) if made.status == "requested" else {"status": made.status}


@service.step
def await_goods(session: Session, run: Run[ReturnInput]) -> dict[str, str] | Suspend:
    """Waits until the goods of an approved return are received, at most `SHOP_RETURN_SEND_DAYS`."""
    run.consume("received")  # the goods are recorded in the return
    made = returns.get_return(session, run.input["return_id"])
    if made.status == "approved":
        decided_at: datetime | None = made.decided_at
        assert decided_at is not None
        deadline = decided_at + timedelta(days=settings.return_send_days)
        if run.now() < deadline:
            return Suspend(deadline)
    return {"status": made.status}


@service.step
def take_in(session: Session, run: Run[ReturnInput]) -> dict[str, int]:
    """Takes received goods into stock, or writes them off, and determines the refund (minor units)."""
    if (run.output(await_goods) or {})["status"] != "received":
        return {"refund": 0}
    return {"refund": returns.take_in(session, run.input["return_id"])}


@service.step(commits_at_once=True)
def replace(session: Session, run: Run[ReturnInput]) -> dict[str, str]:
    """Places the replacement order of an exchange. Without enough goods or stock, everything is refunded instead."""
    if (run.output(await_goods) or {})["status"] != "received":
        return {}
    order = returns.place_replacement(session, run.input["return_id"])
    return {} if order is None else {"replacement_order_id": order.id}


@service.step
def finish(session: Session, run: Run[ReturnInput]) -> dict[str, object]:
    """Ends the return, and returns its result. The amount is in minor units."""
    replaced = run.output(replace) or {}
    note: Mapping[str, Any] = run.output(credit_return) or {}
    status = returns.finish(session, run.input["return_id"])
    about = {"return_id": run.input["return_id"], "order_id": run.input["order_id"]}
    refund = returns.get_return(session, run.input["return_id"]).refund or 0
    return {
        **about, "status": status, "refund": refund, "credit_note_id": note.get("credit_note_id"),
        "replacement_order_id": replaced.get("replacement_order_id"),
    }  # fmt: skip


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> dict[str, int]:
    """Erases the comments of a closed account's returns."""
    return {"comments": returns.erase_user(session, run.input["user_id"])}
