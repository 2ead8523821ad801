"""Steps of the orders service: an order becomes firm, or comes to nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models import orders, runs
from tasks.step import Run, step, step_committed_at_once


@step_committed_at_once
def confirm(session: Session, run: Run) -> dict[str, Any]:
    """Makes the order firm and numbers its invoice. From here on the run only goes forward."""
    invoice = orders.confirm(session, run.input["order_id"])
    return {"invoice_id": invoice.id, "invoice_number": invoice.number}


@step
def complete(session: Session, run: Run) -> dict[str, Any]:
    """Closes the checkout: says what it led to."""
    return {"order_id": run.input["order_id"], **(run.output_of(confirm.name) or {})}


@step
def cancel(session: Session, run: Run) -> dict[str, Any]:
    """Closes the order of a refused checkout, with the reason."""
    order = orders.cancel(session, run.input["order_id"], {k: run.error[k] for k in ("code", "detail")})
    return {"order_id": order.id}


LOOK_AGAIN = timedelta(days=1)


@step
def forget_user(session: Session, run: Run) -> runs.Parked | None:
    """Erases where a user who is gone had things sent. While an order is on its way, waits a day and looks again."""
    if orders.forget_user(session, run.input["user_id"]):
        return runs.Parked(datetime.now(UTC) + LOOK_AGAIN)
    return None
