"""Steps of the carts service."""

from sqlalchemy.orm import Session

import durable
from durable import Run, Service
from models import carts
from models.core.workflow_inputs import CheckoutInput, SlotInput, UserInput

service = Service("carts")


@service.step
def remove_ordered(session: Session, run: Run[CheckoutInput]) -> None:
    """Removes the ordered units from the cart, which can then be checked out again. Other units remain."""
    about = run.input
    carts.remove_ordered(session, about["user_id"], about["order_id"], about["quantities"])


@service.step
def expire(session: Session, run: Run[SlotInput]) -> dict[str, object]:
    """Deletes or empties a batch of idle carts."""
    expired, more = carts.expire(session)
    return {"expired": expired, **(_start_next_batch(session, run) if more else {})}


@service.step
def remind(session: Session, run: Run[SlotInput]) -> dict[str, object]:
    """Starts reminders for a batch of idle carts."""
    reminded, more = carts.remind(session)
    return {"reminded": reminded, **(_start_next_batch(session, run) if more else {})}


def _start_next_batch(session: Session, run: Run[SlotInput]) -> dict[str, str]:
    """Starts a run for the next batch of the same slot, to keep each run short."""
    portion = run.input.get("portion", 1) + 1
    about: SlotInput = {"slot": run.input["slot"], "portion": portion}
    return {"next": durable.start(session, run.workflow, key=f"{run.input['slot']}/{portion}", input=about)}


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> None:
    """Deletes the cart of a closed account."""
    carts.erase_user(session, run.input["user_id"])
