"""Steps of the orders service: confirming and cancelling orders."""

from datetime import timedelta

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import orders
from models.core.workflow_inputs import CheckoutInput, UserInput

service = Service("orders")


@service.step(commits_at_once=True)
def confirm(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Confirms the order and issues its invoice. This is the pivot: afterwards the run only goes forward."""
    invoice = orders.confirm(session, run.input["order_id"])
    return {"invoice_id": invoice.id, "invoice_number": invoice.number}


@service.step(anywhere=True)
def complete(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Returns the result of the checkout."""
    confirmed = run.output(confirm) or {}
    return {"order_id": run.input["order_id"], **confirmed}


@service.step
def cancel(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Cancels the order of a refused checkout, with the reason."""
    order = orders.cancel(session, run.input["order_id"], {k: run.error[k] for k in ("code", "detail")})
    return {"order_id": order.id}


RETRY_AFTER = timedelta(days=1)


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> Suspend | None:
    """Erases the addresses of a closed account's orders. Waits a day and retries while one is in progress."""
    if orders.erase_user(session, run.input["user_id"]):
        return Suspend(run.now() + RETRY_AFTER)
    return None
