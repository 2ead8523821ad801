"""Steps of the inventory service: what is sold is held, handed over, or put back."""

from sqlalchemy.orm import Session

from models import inventory, orders
from tasks.step import Run, step


@step
def reserve(session: Session, run: Run) -> None:
    """Holds every line of the order; refused as a whole if one of them is short."""
    order_id = run.input["order_id"]
    lines = orders.lines_of(session, [order_id])[order_id]
    inventory.reserve(session, order_id, {line.product_id: line.quantity for line in lines})


@step
def release(session: Session, run: Run) -> None:
    """Undoes `reserve`: what was held is for sale again."""
    inventory.release(session, run.input["order_id"])


@step
def allocate(session: Session, run: Run) -> None:
    """Turns what was held for a checkout into what will be shipped for an order."""
    inventory.allocate(session, run.input["order_id"])
