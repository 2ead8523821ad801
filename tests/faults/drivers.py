"""How a test starts a run of each workflow, and makes it go the way that is asked for."""

from collections.abc import Callable
from io import BytesIO
from itertools import count

from sqlalchemy import select

from models import imports, inventory, runs
from models.database import new_id, transaction
from tests.shopping import make_customer, make_product, place_order

_numbers = count(1)


def checkout(refused_at: str | None = None) -> str:
    """A new customer buys two of one thing and one of another."""
    number = next(_numbers)
    plenty = make_product(f"PLENTY-{number}", 10)
    scarce = make_product(f"SCARCE-{number}", 1)
    method = "pm_card_chargeDeclined" if refused_at == "payments.authorise" else "pm_card_visa"
    user_id = make_customer(f"customer{number}")
    with transaction() as session:
        order = place_order(session, user_id, {plenty: 2, scarce: 1}, method)
        if refused_at == "inventory.reserve":
            inventory.adjust(session, scarce, -1, "broken")
        if refused_at == "orders.confirm":
            order.status = "cancelled"  # somebody has closed it behind the checkout's back
    return str(order.run_id)


def clean_up(refused_at: str | None = None) -> str:
    with transaction() as session:
        return runs.start(session, "clean_up", key=f"test-{next(_numbers)}", input={})


def restock(refused_at: str | None = None) -> str:
    """Goods are ordered for a warehouse of its own, and have come before anybody looks."""
    number = next(_numbers)
    goods = make_product(f"GOODS-{number}", 0)
    with transaction() as session:
        warehouse = inventory.create_warehouse(session, f"Warehouse {number}", {}, {})
        order = inventory.restock(session, {goods: 5}, warehouse.id)
        if refused_at == "notifications.goods_ordered":
            inventory.update_warehouse(session, warehouse.id, {"status": "closed"})
        else:
            inventory.receive(session, order.id, {goods: 5}, None)
    return order.run_id


def low_stock(refused_at: str | None = None) -> str:
    """Stock falls to its reorder point, and nobody has said how much to order."""
    scarce = make_product(f"LOW-{next(_numbers)}", 3)
    with transaction() as session:
        inventory.set_threshold(session, scarce, None, 1, None)
        inventory.adjust(session, scarce, -2, "broken")
        started = select(runs.Run.id).where(runs.Run.workflow == "low_stock").order_by(runs.Run.id.desc())
        return session.scalars(started.limit(1)).one()


def inventory_report(refused_at: str | None = None) -> str:
    """All warehouses, for a day like any other."""
    make_product(f"REPORTED-{next(_numbers)}", 3)
    with transaction() as session:
        slot = {"from": "2026-11-21T00:00:00+00:00", "to": "2026-11-22T00:00:00+00:00"}
        return runs.start(session, "inventory_report", key=f"test-{next(_numbers)}", input=slot)


def catalogue_import(refused_at: str | None = None) -> str:
    """A file of two chunks, with one row that is refused."""
    number = next(_numbers)
    rows = [f"I{number}-{n},clothing,Thing {n},Things,{n}.50,{n % 3}" for n in range(imports.store.CHUNK_ROWS + 1)]
    text = "\n".join(["sku,kind,title,category,price,stock", *rows, f"I{number}-x,clothing,,Things,1,1"])
    with transaction() as session:
        sheet = imports.Sheet.open(BytesIO(text.encode()))
        owner = new_id("usr")
        made = imports.begin(session, owner, sheet, sha256=str(number), file_name=None, default_kind=None)
    return made.run_id


DRIVERS: dict[str, tuple[Callable[[str | None], str], tuple[str | None, ...]]] = {
    "checkout": (checkout, (None, "inventory.reserve", "payments.authorise", "orders.confirm")),
    "clean_up": (clean_up, (None,)),
    "restock": (restock, (None, "notifications.goods_ordered")),
    "low_stock": (low_stock, (None,)),
    "inventory_report": (inventory_report, (None,)),
    "catalogue_import": (catalogue_import, (None,)),
}
"""Workflow → what starts a run of it and returns its id, and the ways that it knows."""
