"""Steps of the carts service."""

from sqlalchemy.orm import Session

from models import carts, orders
from tasks.step import Run, step


@step
def clear(session: Session, run: Run) -> None:
    """Takes what was ordered out of the cart; what was put in since stays."""
    carts.take_out(session, run.input["user_id"], orders.quantities(session, run.input["order_id"]))


@step
def forget_user(session: Session, run: Run) -> None:
    """Deletes the cart of a user who is gone."""
    carts.forget_user(session, run.input["user_id"])
