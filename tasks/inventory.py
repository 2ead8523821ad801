"""Steps of the inventory service: orders' stock, restocking, transfers, stock counts, and outside reservations."""

from datetime import timedelta

from sqlalchemy.orm import Session

import durable
from durable import Run, Service, Suspend
from models import inventory
from models.core.workflow_inputs import (
    BackorderedInput,
    CancellationInput,
    CheckoutInput,
    LowStockInput,
    OutsideReservationInput,
    RestockInput,
    StockCheckInput,
    StockCountInput,
    TransferInput,
    UserInput,
)

service = Service("inventory")

RETRY_AFTER = timedelta(days=1)  # signals wake the run immediately; without one, nothing changes
RELEASED_SOON = timedelta(seconds=1)  # by the first step of the cancellation, which has been started already


@service.step
def reserve(session: Session, run: Run[CheckoutInput]) -> None:
    """Reserves all lines of the order. Refused if stock is insufficient for any of them."""
    inventory.reserve(session, run.input["order_id"], run.input["quantities"])


@service.step
def release(session: Session, run: Run[CheckoutInput]) -> None:
    """Undoes `reserve`: the reserved units become available again."""
    inventory.release(session, run.input["order_id"])


@service.step
def release_cancelled(session: Session, run: Run[CancellationInput]) -> dict[str, int]:
    """Releases the stock of a cancelled order."""
    return {"restocked": inventory.release(session, run.input["order_id"])}


@service.step
def allocate(session: Session, run: Run[CheckoutInput]) -> None:
    """Turns the reservations into allocations for fulfilment."""
    inventory.allocate(session, run.input["order_id"])


@service.step
def reorder(session: Session, run: Run[LowStockInput]) -> dict[str, str]:
    """Orders the reorder quantity, if there is one and not enough is on order."""
    order = inventory.reorder(session, run.input["product_id"], run.input["warehouse_id"])
    return {"purchase_order_id": order.id} if order else {}


@service.step
def reorder_backordered(session: Session, run: Run[BackorderedInput]) -> dict[str, str]:
    """Orders what was sold beyond stock, if the default warehouse reorders the product and it is not on order."""
    warehouse = inventory.get_default_warehouse(session)
    order = inventory.reorder(session, run.input["product_id"], warehouse.id)
    return {"purchase_order_id": order.id} if order else {}


@service.step
def receive_goods(session: Session, run: Run[RestockInput]) -> dict[str, str] | Suspend:
    """Receives deliveries into stock, and waits until everything is received or the rest is cancelled."""
    deliveries = run.consume("delivery")
    run.consume("cancel")  # the cancellation is recorded in the purchase order
    actor = deliveries[-1]["actor"] if deliveries else None
    order = inventory.receive_deliveries(session, run.input["purchase_order_id"], actor)
    if order.status in inventory.OPEN:
        return Suspend(run.now() + RETRY_AFTER)
    return {"status": order.status}


@service.step(anywhere=True, replayable=True)
def close_restock(session: Session, run: Run[RestockInput]) -> dict[str, str]:
    """Returns the result of the restock."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    return {"purchase_order_id": order.id, "status": order.status}


@service.step
def withdraw_goods(session: Session, run: Run[RestockInput]) -> dict[str, str]:
    """Closes the purchase order of a cancelled restock."""
    order = inventory.close_cancelled(session, run.input["purchase_order_id"])
    return {"purchase_order_id": order.id, "status": order.status}


@service.step
def send_transfer(session: Session, run: Run[TransferInput]) -> None:
    """Takes the goods out of the source. Refused if they are no longer available."""
    inventory.send_transfer(session, run.input["transfer_id"])


@service.step
def take_back_transfer(session: Session, run: Run[TransferInput]) -> None:
    """Undoes `send_transfer`: the goods are in the source again."""
    inventory.take_back_transfer(session, run.input["transfer_id"])


@service.step
def receive_transfer(session: Session, run: Run[TransferInput]) -> Suspend | None:
    """Waits until the goods are received, and takes them into the target. Refused if the transfer was cancelled."""
    receipts = run.consume("received")
    run.consume("cancelled")  # the cancellation is recorded in the transfer
    actor = receipts[-1]["actor"] if receipts else None
    transfer = inventory.take_in_transfer(session, run.input["transfer_id"], actor)
    return Suspend(run.now() + RETRY_AFTER) if transfer.status == "in_transit" else None


@service.step(anywhere=True, replayable=True)
def close_transfer(session: Session, run: Run[TransferInput]) -> dict[str, str]:
    """Returns the result of the transfer."""
    transfer = inventory.get_transfer(session, run.input["transfer_id"])
    return {"transfer_id": transfer.id, "status": transfer.status}


@service.step
def close_refused_transfer(session: Session, run: Run[TransferInput]) -> dict[str, str]:
    """Cancels a transfer whose goods have not left, and returns the result."""
    transfer = inventory.close_refused_transfer(session, run.input["transfer_id"])
    return {"transfer_id": transfer.id, "status": transfer.status}


@service.step
def await_approval(session: Session, run: Run[StockCountInput]) -> Suspend | None:
    """Waits until a stock count is approved. Refused if it was refused or cancelled, or has expired."""
    run.consume("decided")  # the decision is recorded in the stock count
    expires = inventory.await_approval(session, run.input["stock_count_id"])
    return Suspend(expires) if expires else None


@service.step
def slice_count(session: Session, run: Run[StockCountInput]) -> dict[str, list[str]]:
    """Divides the lines that differ into batches: the first product of each."""
    return {"batches": inventory.slice_differences(session, run.input["stock_count_id"])}


@service.step_for_each
def book_count(session: Session, run: Run[StockCountInput], number: str) -> dict[str, int]:
    """Books the differences of one batch."""
    firsts = (run.output(slice_count) or {})["batches"]
    first, following = firsts[int(number)], firsts[int(number) + 1 :]
    before = following[0] if following else None
    return {"movements": inventory.book_differences(session, run.input["stock_count_id"], first, before)}


@service.step
def close_count(session: Session, run: Run[StockCountInput]) -> dict[str, object]:
    """Closes a booked stock count, and returns the result."""
    count, totals = inventory.close_booked_count(session, run.input["stock_count_id"])
    movements = sum(batch["movements"] for batch in run.outputs(book_count).values())
    about = {"stock_count_id": count.id, "status": count.status, "movements": movements}
    return {**about, "surplus": totals.surplus, "missing": totals.missing, "short": totals.short}


@service.step(anywhere=True, replayable=True)
def report_count(session: Session, run: Run[StockCountInput]) -> dict[str, object]:
    """Returns the result of the stock count."""
    return run.output(close_count) or {}


@service.step
def close_unapproved_count(session: Session, run: Run[StockCountInput]) -> dict[str, str]:
    """Closes a stock count that was not approved, and returns the result."""
    count = inventory.close_unapproved_count(session, run.input["stock_count_id"], run.error)
    return {"stock_count_id": count.id, "status": count.status}


@service.step
def hold_outside(session: Session, run: Run[OutsideReservationInput]) -> dict[str, str] | Suspend:
    """Waits until the goods of an outside reservation are shipped or released. Refused once it has expired."""
    run.consume("ended")  # the reservation says how
    held = inventory.check_held(session, run.input["reservation_id"])
    if held.status == "held":
        return Suspend(held.expires_at)
    return {"reservation_id": held.id, "status": held.status}


@service.step
def release_outside(session: Session, run: Run[OutsideReservationInput]) -> dict[str, str]:
    """Releases the goods of an outside reservation that has expired, or whose run was cancelled."""
    held = inventory.close_held(session, run.input["reservation_id"], run.error)
    return {"reservation_id": held.id, "status": held.status}


@service.step
def notify_waiting(session: Session, run: Run[StockCheckInput]) -> dict[str, object] | Suspend:
    """Starts the mails to a batch of customers who wait for products that are available again.

    After the cancellation of an order, once its stock is released, which is a step of another run.
    """
    order_id = run.input.get("order_id")
    if order_id and "lines" not in run.input and inventory.holds_stock(session, order_id):
        return Suspend(run.now() + RELEASED_SOON)
    notified, more = inventory.notify_waiting(session, order_id=order_id)
    if not more:
        return {"notified": notified}
    portion = run.input.get("portion", 1) + 1
    key = f"{run.key.partition('/')[0]}/{portion}"
    about = {**run.input, "portion": portion}
    return {"notified": notified, "next": durable.start(session, run.workflow, key=key, input=about)}


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> None:
    """Forgets the products for which the user of a closed account waits."""
    inventory.stop_waiting(session, run.input["user_id"])
