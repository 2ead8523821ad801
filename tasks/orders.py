"""Steps of the orders service: an order becomes firm, or comes to nothing."""

from datetime import timedelta

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import orders
from models.core.workflow_inputs import CheckoutInput, UserInput

service = Service("orders")


@service.step(commits_at_once=True)
def confirm(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Makes the order firm and numbers its invoice. From here on the run only goes forward."""
    invoice = orders.confirm(session, run.input["order_id"])
    return {"invoice_id": invoice.id, "invoice_number": invoice.number}


@service.step(anywhere=True)
def complete(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Closes the checkout: says what it led to."""
    confirmed = run.output(confirm) or {}
    return {"order_id": run.input["order_id"], **confirmed}


@service.step
def cancel(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Closes the order of a refused checkout, with the reason."""
    order = orders.cancel(session, run.input["order_id"], {k: run.error[k] for k in ("code", "detail")})
    return {"order_id": order.id}


LOOK_AGAIN = timedelta(days=1)


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> Suspend | None:
    """Erases where a user who is gone had things sent. While an order is on its way, waits a day and looks again."""
    if orders.erase_user(session, run.input["user_id"]):
        return Suspend(run.now() + LOOK_AGAIN)
    return None
