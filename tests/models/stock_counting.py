"""Stock counts in tests."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from durable.ids import new_id
from models import inventory
from models.core.database import transaction
from models.core.errors import ShopError
from models.core.event_log import Event
from models.inventory import Counted

ANN, BOB, CID = (new_id("usr") for _ in range(3))


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def open_count(*entries: Counted, at: str | None = None, **scope: Any) -> str:
    with transaction() as session:
        return inventory.open_with_lines(session, at, entries, actor=ANN, **scope).id


def enter(count_id: str, *entries: Counted, actor: str = ANN) -> list[inventory.CountLine]:
    with transaction() as session:
        return inventory.enter_lines(session, count_id, entries, actor)


def of(product_id: str, counted: int) -> Counted:
    return {"product_id": product_id, "counted": counted}


def submit(count_id: str) -> str:
    with transaction() as session:
        return inventory.submit_count(session, count_id, ANN).status


def approve(count_id: str, actor: str = BOB) -> str:
    with transaction() as session:
        return inventory.approve_count(session, count_id, actor).status


def refuse(count_id: str) -> str:
    with transaction() as session:
        return inventory.refuse_count(session, count_id, BOB, "Count again.").status


def cancel(count_id: str) -> str:
    with transaction() as session:
        return inventory.cancel_count(session, count_id, ANN, None).status


def book(count_id: str) -> int:
    """Does what the run does after the approval. Returns the number of movements."""
    with transaction() as session:
        assert inventory.await_approval(session, count_id) is None
        firsts = inventory.slice_differences(session, count_id)
    moved = 0
    for first, before in zip(firsts, [*firsts[1:], None], strict=False):
        with transaction() as session:
            moved += inventory.book_differences(session, count_id, first, before)
    with transaction() as session:
        assert inventory.close_booked_count(session, count_id)[0].status == "booked"
    return moved


def close_unapproved(count_id: str, code: str) -> str:
    with transaction() as session:
        return inventory.close_unapproved_count(session, count_id, {"code": code, "detail": "Too late."}).status


def lines(count_id: str, state: str | None = None) -> dict[str, tuple[int | None, int | None, int | None, int]]:
    """SKU → expected, counted, booked, short."""
    with transaction() as session:
        found = session.scalars(inventory.select_count_lines(count_id, state))
        return {line.sku: (line.expected, line.counted, line.booked, line.short) for line in found}


def level(product_id: str, warehouse_id: str | None = None) -> tuple[int, int]:
    """On hand and reserved."""
    with transaction() as session:
        stock = session.get(inventory.Stock, (product_id, warehouse_id or main()))
        return (stock.on_hand, stock.reserved) if stock else (0, 0)


def moved(count_id: str) -> list[tuple[str, int, str | None]]:
    with transaction() as session:
        table = inventory.Movement
        found = session.scalars(select(table).where(table.reference == count_id).order_by(table.product_id))
        return [(movement.reason, movement.quantity, movement.actor) for movement in found]


def events(name: str) -> list[dict[str, Any]]:
    with transaction() as session:
        return [event.payload for event in session.scalars(select(Event).where(Event.name == name).order_by(Event.id))]


def refusal(call: Callable[[], object]) -> ShopError:
    with pytest.raises(ShopError) as refused:
        call()
    return refused.value
