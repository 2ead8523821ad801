"""Starts stock counts."""

from durable.ids import new_id
from models import inventory
from models.core.database import transaction
from tests.faults.drivers.registry import drives, numbers
from tests.shopping import make_product


@drives("stock_count", "inventory.await_approval")
def stock_count(refused_at: str | None = None) -> str:
    """Three products differ, one of them by more than is not reserved; the count is approved, or else cancelled."""
    number, counter, approver = next(numbers), new_id("usr"), new_id("usr")
    goods = [make_product(f"COUNTED-{number}-{n}", 5) for n in range(3)]
    with transaction() as session:
        inventory.reserve(session, new_id("ord"), {goods[2]: 4})
        counted: list[inventory.Counted] = [
            {"product_id": product_id, "counted": units} for product_id, units in zip(goods, (3, 6, 1), strict=True)
        ]
        made = inventory.open_with_lines(session, None, counted, actor=counter)
    with transaction() as session:
        if refused_at:
            inventory.cancel_count(session, made.id, counter, "Nobody has time.")
        else:
            inventory.approve_count(session, made.id, approver)
    return made.run_id
