"""Outside reservations: units held for orders of other systems, at the same time as those of the shop."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text

from durable import transitions
from durable.tables import RunRecord
from models import inventory
from models.core.database import transaction
from models.core.errors import Conflict, InsufficientStock
from tests.models.auditing import broken as all_broken
from tests.models.auditing import change, ledger
from tests.models.racing import race
from tests.models.shelves import available, broken, move, product, reservations, reserve, warehouse

NAME = "units of outside reservations agree with their status"


@pytest.fixture(autouse=True)
def invariants_hold(database: None) -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []
    assert all_broken(ledger()) == {}


def hold(lines: dict[str, int], reference: str = "market-1", seconds: float = 600) -> str:
    with transaction() as session:
        return inventory.hold(session, reference, lines, seconds).id


def release(reservation_id: str) -> str:
    with transaction() as session:
        return inventory.release_held(session, reservation_id).status


def ship(reservation_id: str) -> str:
    with transaction() as session:
        return inventory.ship_held(session, reservation_id).status


def movements(reservation_id: str) -> list[tuple[str, int, str]]:
    with transaction() as session:
        table = inventory.Movement
        found = select(table.warehouse_id, table.quantity, table.reason).where(table.reference == reservation_id)
        return sorted((at, quantity, reason) for at, quantity, reason in session.execute(found))


def on_hand(product_id: str) -> int:
    with transaction() as session:
        found = select(inventory.Stock.on_hand).where(inventory.Stock.product_id == product_id)
        return sum(session.scalars(found))


def test_units_of_two_warehouses_are_held_and_leave() -> None:
    book, annex = product("BOOK", 2), warehouse("Annex")
    move(book, 3, annex)
    held = hold({book: 4})
    assert available(book) == 1
    assert sum(units for units, _ in reservations(inventory.order_id_of(held)).values()) == 4
    assert (ship(held), ship(held)) == ("shipped", "shipped")
    assert (on_hand(book), available(book)) == (1, 1)
    assert sum(quantity for _, quantity, _ in movements(held)) == -4
    assert {reason for *_, reason in movements(held)} == {"outside sale"}
    with pytest.raises(Conflict, match="shipped; that is final"):
        release(held)


def test_released_units_are_available_at_once_and_cannot_be_shipped() -> None:
    book = product("BOOK", 2)
    held = hold({book: 2})
    assert (release(held), release(held), available(book)) == ("released", "released", 2)
    with pytest.raises(Conflict, match="released; that is final"):
        ship(held)
    assert movements(held) == []
    assert hold({book: 1}) != held  # the reference is free again


def test_all_lines_are_held_or_none() -> None:
    book, lamp = product("BOOK", 2), product("LAMP", 2)
    with pytest.raises(InsufficientStock) as refused:
        hold({book: 1, lamp: 3})
    assert refused.value.extra["lines"] == [{"product_id": lamp, "requested": 3, "available": 2}]
    with transaction() as session:
        assert session.scalars(select(inventory.OutsideReservation)).all() == []
        assert session.scalars(select(RunRecord).filter_by(workflow="outside_reservation")).all() == []
    assert (available(book), available(lamp)) == (2, 2)


def test_nothing_is_held_beyond_stock() -> None:
    book = product("BOOK", 1)
    with transaction() as session:
        inventory.set_terms(session, book, 5, date(2100, 1, 1))
    with pytest.raises(InsufficientStock):
        hold({book: 2})
    reserve({book: 2})  # an order of the shop may


def test_released_units_go_to_orders_that_wait() -> None:
    book = product("BOOK", 2)
    held = hold({book: 2})
    with transaction() as session:
        inventory.set_terms(session, book, 5, date(2100, 1, 1))
    waiting = reserve({book: 1})
    release(held)
    assert [units for units, _ in reservations(waiting).values()] == [1]
    assert available(book) == 1


def test_many_reservations_at_once_never_oversell() -> None:
    book, lamp = product("BOOK", 10), product("LAMP", 10)
    calls: list[Callable[[], object]] = []
    for number in range(8):
        lines = {book: 2, lamp: 1} if number % 2 else {lamp: 1, book: 2}
        calls += [partial(hold, lines, f"market-{number}"), partial(reserve, lines)]
    assert sum(race(calls)) == 5
    assert (available(book), available(lamp)) == (0, 5)


def test_of_many_requests_for_a_reference_at_once_one_is_held() -> None:
    book = product("BOOK", 10)
    assert sum(race([partial(hold, {book: 1})] * 6)) == 1
    assert available(book) == 9
    with pytest.raises(Conflict) as refused:
        hold({book: 1})
    with transaction() as session:
        (held,) = session.scalars(select(inventory.OutsideReservation))
    assert (refused.value.code, refused.value.extra) == ("already_reserved", {"reservation_id": held.id})


def test_of_shipping_and_releasing_at_once_one_wins() -> None:
    book, annex = product("BOOK", 40), warehouse("Annex")
    move(book, 40, annex)
    for number in range(6):
        held = hold({book: 3}, f"market-{number}")
        before = on_hand(book)
        done = race([partial(ship, held), partial(release, held), partial(ship, held), partial(release, held)])
        assert sum(done) == 2  # the winner, and the repetition
        assert done[0] != done[1]
        assert on_hand(book) == before - (3 if done[0] else 0)


def test_shipments_and_sales_of_the_same_goods_at_once_do_not_lock_each_other_out() -> None:
    annex = warehouse("Annex")
    book, lamp = product("BOOK", 20), product("LAMP")
    move(lamp, 20, annex)
    held = [hold({lamp: 1, book: 1}, f"market-{number}") for number in range(6)]
    assert all(race([call for one in held for call in (partial(ship, one), partial(reserve, {book: 1, lamp: 1}))]))
    assert (on_hand(book), on_hand(lamp), available(book)) == (14, 14, 8)


def test_a_cancelled_run_releases() -> None:
    book = product("BOOK", 2)
    held = hold({book: 2})
    with transaction() as session:
        run_id = inventory.get_outside(session, held).run_id
        transitions.cancel(session, run_id)
        closed = inventory.close_held(session, held, {"code": "cancelled"})
        assert (closed.status, inventory.close_held(session, held, {"code": "cancelled"}).status) == ("released",) * 2
    assert available(book) == 2


@pytest.mark.parametrize(
    ("status", "statement"),
    [
        ("held", "UPDATE inventory.outside_reservation SET units = 3"),
        ("held", "UPDATE workflow.run SET finished_at = now(), status = 'succeeded'"),
        ("held", "UPDATE inventory.outside_reservation SET status = 'released'"),
        ("released", "UPDATE inventory.outside_reservation SET status = 'shipped'"),
        ("shipped", "UPDATE inventory.outside_reservation SET status = 'expired'"),
        ("shipped", "UPDATE inventory.movement SET reference = 'res_0' WHERE reason = 'outside sale'"),
    ],
)
def test_the_audit_finds_units_that_do_not_agree(status: str, statement: str) -> None:
    book = product("BOOK", 2)
    held = hold({book: 2})
    if status != "held":
        assert {"released": release, "shipped": ship}[status](held) == status
    change("CREATE TABLE public.kept AS SELECT * FROM inventory.outside_reservation")
    change("CREATE TABLE public.moved AS SELECT * FROM inventory.movement")
    try:
        change(statement)
        found = all_broken(ledger())
        assert held in found[NAME]
        assert NAME in found
        assert set(found) <= {NAME, "every run has ended or is leased"}
    finally:
        change("UPDATE inventory.outside_reservation AS mine SET units = kept.units, status = kept.status FROM kept")
        change("UPDATE inventory.movement AS mine SET reference = moved.reference FROM moved WHERE mine.id = moved.id")
        change("UPDATE workflow.run SET finished_at = NULL, status = 'running' WHERE status = 'succeeded'")
        change("DROP TABLE public.kept; DROP TABLE public.moved")


def test_an_adjustment_with_the_same_reason_is_no_violation() -> None:
    book = product("BOOK", 2)
    with transaction() as session:
        inventory.adjust(session, book, -1, "outside sale", reference="by hand")
    assert all_broken(ledger()) == {}


def test_a_reference_is_found_by_an_index() -> None:
    with transaction() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        query = inventory.select_outside(reference="market-1").order_by(inventory.OutsideReservation.id.desc())
        compiled = query.compile(session.connection(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(session.scalars(text(f"EXPLAIN {compiled}")))
    assert "ix_outside_reservation_reference" in plan
