"""Steps of the carts service."""

from sqlalchemy.orm import Session

import durable
from durable import Run, Service
from models import carts
from models.core.workflow_inputs import CheckoutInput, SlotInput, UserInput

service = Service("carts")


@service.step
def remove_ordered(session: Session, run: Run[CheckoutInput]) -> None:
    """Takes what was ordered out of the cart, which may be checked out again then; what was put in since stays."""
    about = run.input
    carts.remove_ordered(session, about["user_id"], about["order_id"], about["quantities"])


@service.step
def expire(session: Session, run: Run[SlotInput]) -> dict[str, object]:
    """Deletes or empties a portion of the carts that nobody has touched for long."""
    expired, more = carts.expire(session)
    return {"expired": expired, **(_another(session, run) if more else {})}


@service.step
def remind(session: Session, run: Run[SlotInput]) -> dict[str, object]:
    """Starts a reminder for each of a portion of the carts that were left alone."""
    reminded, more = carts.remind(session)
    return {"reminded": reminded, **(_another(session, run) if more else {})}


def _another(session: Session, run: Run[SlotInput]) -> dict[str, str]:
    """Starts a run for the next portion of the same slot, so that none of them takes long."""
    portion = run.input.get("portion", 1) + 1
    about: SlotInput = {"slot": run.input["slot"], "portion": portion}
    return {"next": durable.start(session, run.workflow, key=f"{run.input['slot']}/{portion}", input=about)}


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> None:
    """Deletes the cart of a user who is gone."""
    carts.erase_user(session, run.input["user_id"])
