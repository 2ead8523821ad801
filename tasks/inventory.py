"""Steps of the inventory service: what is sold is held, handed over, or put back; what is low comes in again."""

from datetime import timedelta

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import inventory
from models.core.workflow_inputs import CheckoutInput, LowStockInput, RestockInput

service = Service("inventory")

LOOK_AGAIN = timedelta(days=1)  # a delivery wakes the run at once; nothing but a signal changes what it finds


@service.step
def reserve(session: Session, run: Run[CheckoutInput]) -> None:
    """Holds every line of the order; refused as a whole if one of them is short."""
    inventory.reserve(session, run.input["order_id"], run.input["quantities"])


@service.step
def release(session: Session, run: Run[CheckoutInput]) -> None:
    """Undoes `reserve`: what was held is for sale again."""
    inventory.release(session, run.input["order_id"])


@service.step
def allocate(session: Session, run: Run[CheckoutInput]) -> None:
    """Turns what was held for a checkout into what will be shipped for an order."""
    inventory.allocate(session, run.input["order_id"])


@service.step
def reorder(session: Session, run: Run[LowStockInput]) -> dict[str, str]:
    """Orders more of what is low, unless nobody has said how much or enough is on its way."""
    order = inventory.reorder(session, run.input["product_id"], run.input["warehouse_id"])
    return {"purchase_order_id": order.id} if order else {}


@service.step
def receive_goods(session: Session, run: Run[RestockInput]) -> dict[str, str] | Suspend:
    """Books in what was delivered, and waits until everything is there or the rest is cancelled."""
    deliveries = run.consume("delivery")
    run.consume("cancel")  # what it says is in the order
    actor = deliveries[-1]["actor"] if deliveries else None
    order = inventory.book_deliveries(session, run.input["purchase_order_id"], actor)
    if order.status in inventory.OPEN:
        return Suspend(run.now() + LOOK_AGAIN)
    return {"status": order.status}


@service.step(anywhere=True)
def close_restock(session: Session, run: Run[RestockInput]) -> dict[str, str]:
    """Closes the restock: says what it led to."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    return {"purchase_order_id": order.id, "status": order.status}


@service.step
def withdraw_goods(session: Session, run: Run[RestockInput]) -> dict[str, str]:
    """Closes the purchase order of a restock that was turned back."""
    order = inventory.withdraw(session, run.input["purchase_order_id"])
    return {"purchase_order_id": order.id, "status": order.status}
