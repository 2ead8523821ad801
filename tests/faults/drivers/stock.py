"""Starts the workflows of the inventory."""

from datetime import date

from sqlalchemy import func
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models import inventory, orders
from models.core import event_log
from models.core.database import transaction
from models.core.events import BackorderFilled
from tests.faults.drivers.registry import drives, find_reaction, numbers
from tests.faults.prepared import take
from tests.shopping import make_customer, make_product


@drives("restock", "notifications.goods_ordered")
def restock(refused_at: str | None = None) -> str:
    """Goods are ordered for a new warehouse and delivered before the run starts. An order waits for two of them."""
    number = next(numbers)
    goods = make_product(f"GOODS-{number}", 0)
    with transaction() as session:
        warehouse = inventory.create_warehouse(session, f"Warehouse {number}", {}, {})
        inventory.set_terms(session, goods, 2, date(2100, 1, 1))
        inventory.reserve(session, new_id("ord"), {goods: 2})
        order = inventory.restock(session, {goods: 5}, warehouse.id)
        if refused_at == "notifications.goods_ordered":
            inventory.update_warehouse(session, warehouse.id, {"status": "closed"})
        else:
            inventory.receive(session, order.id, {goods: 5}, None)
    return order.run_id


@drives("backordered")
def backordered(refused_at: str | None = None) -> str:
    """A product that is reordered is sold beyond stock."""
    goods, order_id = make_product(f"BEYOND-{next(numbers)}", 1), new_id("ord")
    with transaction() as session:
        inventory.set_threshold(session, goods, None, 0, 5)
        inventory.set_terms(session, goods, 2, date(2100, 1, 1))
        inventory.reserve(session, order_id, {goods: 3})
        inventory.allocate(session, order_id)
        return find_reaction(session, "backordered")


@drives("backorder_filled")
def backorder_filled(refused_at: str | None = None) -> str:
    """Goods of a confirmed order have come."""
    order_id = take("backorder_filled")
    with transaction() as session:
        (line,) = orders.lines_of(session, [order_id])[order_id]
        event_log.emit(session, BackorderFilled(order_id=order_id, quantities={line.product_id: 1}))
        return find_reaction(session, "backorder_filled")


@drives("transfer", "inventory.send_transfer", "inventory.receive_transfer")
def transfer(refused_at: str | None = None) -> str:
    """Goods are transferred to a new warehouse. They are sold, or the transfer is cancelled, if it is to be refused.

    The receipt is recorded before any worker looks, which requires the goods to be in transit.
    """
    number = next(numbers)
    goods = make_product(f"SENT-{number}", 5)
    with transaction() as session:
        target = inventory.create_warehouse(session, f"Target {number}", {}, {})
        source = inventory.get_default_warehouse(session)
        made = inventory.request_transfer(session, source.id, target.id, {goods: 5})
        if refused_at == "inventory.send_transfer":
            inventory.adjust(session, goods, -1, "broken")
        elif refused_at == "inventory.receive_transfer":
            inventory.cancel_transfer(session, made.id, None)
        else:
            _record_receipt(session, made)
    return made.run_id


def _record_receipt(session: Session, made: inventory.Transfer) -> None:
    """Four of five units are received as soon as they are sent: nobody is there to do it after the kill."""
    made.received_at = func.now()
    lines = inventory.get_transfer_lines(session, [made.id])[made.id]
    lines[0].received = 4


@drives("outside_reservation", "inventory.hold_outside")
def outside_reservation(refused_at: str | None = None) -> str:
    """Goods for a marketplace are shipped, or else the reservation has expired before any worker looks."""
    number = next(numbers)
    goods = make_product(f"OUTSIDE-{number}", 5)
    with transaction() as session:
        held = inventory.hold(session, f"market-{number}", {goods: 3}, 0 if refused_at else 600)
        if not refused_at:
            inventory.ship_held(session, held.id)
    return held.run_id


@drives("low_stock")
def low_stock(refused_at: str | None = None) -> str:
    """Stock falls to its reorder point, without a reorder quantity."""
    scarce = make_product(f"LOW-{next(numbers)}", 3)
    with transaction() as session:
        inventory.set_threshold(session, scarce, None, 1, None)
        inventory.adjust(session, scarce, -2, "broken")
        return find_reaction(session, "low_stock")


@drives("back_in_stock_check")
def back_in_stock_check(refused_at: str | None = None) -> str:
    """A customer waits for a product that has come."""
    user_id, key = make_customer(f"waiting{next(numbers)}"), f"test-{next(numbers)}"
    product_id = make_product(f"BACK-{next(numbers)}", 0)
    with transaction() as session:
        inventory.wait_for_stock(session, user_id, product_id)
        inventory.adjust(session, product_id, 1, "delivery")
        return durable.start(session, "back_in_stock_check", key=key, input={"slot": key})


@drives("back_in_stock")
def back_in_stock(refused_at: str | None = None) -> str:
    """A product is available again."""
    user_id, product_id = make_customer(f"waiting{next(numbers)}"), make_product(f"BACK-{next(numbers)}", 1)
    with transaction() as session:
        about = {"user_id": user_id, "product_id": product_id}
        return durable.start(session, "back_in_stock", key=f"test-{next(numbers)}", input=about)


@drives("inventory_report")
def inventory_report(refused_at: str | None = None) -> str:
    """A report on all warehouses for one day."""
    make_product(f"REPORTED-{next(numbers)}", 3)
    with transaction() as session:
        slot = {"from": "2026-11-21T00:00:00+00:00", "to": "2026-11-22T00:00:00+00:00"}
        return durable.start(session, "inventory_report", key=f"test-{next(numbers)}", input=slot)
