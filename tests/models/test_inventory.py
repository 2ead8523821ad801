"""Warehouses and stock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from durable.ids import new_id
from models import catalogue, inventory
from models.core.database import transaction
from models.core.errors import Conflict, InsufficientStock, Invalid, NotFound
from models.operations import audit
from models.operations.stock import STOCK
from tests.models.shelves import available, broken, move, product, reserve, warehouse


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def test_every_shop_has_one_default_warehouse() -> None:
    with transaction() as session:
        before = inventory.get_default_warehouse(session).id
        inventory.seed(session)
        assert inventory.get_default_warehouse(session).id == before


def test_a_movement_and_its_level_are_written_together() -> None:
    book = product("BOOK")
    with transaction() as session:
        movement, level = inventory.adjust(session, book, 5, "delivery", actor="usr_x", reference="po_1")
        assert (level.on_hand, level.reserved) == (5, 0)
        assert movement.warehouse_id == inventory.get_default_warehouse(session).id
    assert move(book, -2).on_hand == 3
    with transaction() as session:
        moved = session.scalars(inventory.select_movements(book).order_by(inventory.Movement.id)).all()
    assert [(each.quantity, each.reason, each.actor, each.reference) for each in moved] == [
        (5, "delivery", "usr_x", "po_1"),
        (-2, "count", None, None),
    ]


def test_stock_cannot_fall_below_zero_or_the_reserved_quantity() -> None:
    book = product("BOOK", 5)
    order = reserve({book: 3})
    with pytest.raises(InsufficientStock) as short:
        move(book, -6)
    assert short.value.extra == {"available": 2}
    with pytest.raises(Conflict) as promised:
        move(book, -3)
    assert promised.value.code == "below_reserved"
    assert move(book, -2).on_hand == 3
    with transaction() as session:
        inventory.release(session, order)
    assert move(book, -3).on_hand == 0


@pytest.mark.parametrize("quantity", [0, 10**10, -(10**10)])
def test_a_movement_of_zero_or_out_of_range_is_refused(quantity: int) -> None:
    with pytest.raises(Invalid):
        move(product("BOOK"), quantity)


def test_a_level_above_the_maximum_is_refused() -> None:
    book = product("BOOK", inventory.MAX_LEVEL)
    with pytest.raises(Conflict) as refusal:
        move(book, 1)
    assert (refusal.value.code, refusal.value.extra) == ("capacity_exceeded", {"remaining": 0})


def test_an_unknown_product_or_warehouse_is_not_found() -> None:
    book = product("BOOK")
    moves: list[Callable[[], object]] = [lambda: move(new_id("prd"), 1), lambda: move(book, 1, new_id("wh"))]
    for refused in moves:
        with pytest.raises(NotFound):
            refused()


def test_a_constraint_prevents_overselling() -> None:
    book = product("BOOK", 5)
    for reserved, on_hand in ((6, 5), (0, -1), (-1, 5)):
        change = update(inventory.Stock).where(inventory.Stock.product_id == book)
        with pytest.raises(IntegrityError), transaction() as session:
            session.execute(change.values(reserved=reserved, on_hand=on_hand))


def test_a_warehouse_limits_the_stock_of_a_kind() -> None:
    small = warehouse("Small", book=10, electronics=None)
    book, other, radio = product("BOOK"), product("OTHER"), product("RADIO", kind="electronics")
    move(book, 6, small)
    move(radio, 1000, small)
    with pytest.raises(Conflict) as refusal:
        move(other, 5, small)
    assert (refusal.value.code, refusal.value.extra) == ("capacity_exceeded", {"remaining": 4})
    with transaction() as session:
        place = inventory.get_warehouse(session, small)
        assert inventory.check_capacity(session, place, other, 4) == (True, 4)
        assert inventory.check_capacity(session, place, other, 5) == (False, 4)
        assert inventory.check_capacity(session, place, radio, 10**6) == (True, None)
        assert inventory.get_remaining_capacity(session, place) == {"book": 4, "clothing": None, "electronics": None}
        assert inventory.get_totals(session, place)["book"] == {"on_hand": 6, "reserved": 0, "available": 6}
    move(other, 4, small)


def test_concurrent_deliveries_do_not_exceed_the_capacity() -> None:
    small = warehouse("Small", book=10)
    books = [product(f"BOOK-{n}") for n in range(8)]

    def deliver(book: str) -> bool:
        try:
            move(book, 3, small)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, books)) == 3


def test_a_closed_warehouse_neither_receives_nor_sells() -> None:
    annex, book = warehouse("Annex"), product("BOOK")
    move(book, 5, annex)
    order = reserve({book: 2})
    with transaction() as session:
        inventory.update_warehouse(session, annex, {"status": "closed", "capacity": {"book": 7}})
    assert available(book) == 0
    with pytest.raises(InsufficientStock):
        reserve({book: 1})
    with pytest.raises(Conflict) as refusal:
        move(book, 1, annex)
    assert refusal.value.code == "warehouse_closed"
    assert move(book, -3, annex).on_hand == 2
    with transaction() as session:
        assert inventory.release(session, order) == 2


def test_warehouse_names_are_unique_and_the_default_stays_open() -> None:
    annex = warehouse("Annex")
    with pytest.raises(Conflict) as taken:
        warehouse("Annex")
    assert taken.value.code == "name_taken"
    with transaction() as session:
        default = inventory.get_default_warehouse(session)
        for warehouse_id, changes, code in (
            (annex, {"name": default.name}, "name_taken"),
            (default.id, {"status": "closed"}, "default_warehouse"),
        ):
            with pytest.raises(Conflict) as refusal:
                inventory.update_warehouse(session, warehouse_id, changes)
            assert refusal.value.code == code
        changed = inventory.update_warehouse(session, annex, {"name": "Attic", "address": {"city": "Ghent"}})
        assert (changed.name, changed.address, changed.status) == ("Attic", {"city": "Ghent"}, "active")


def test_stock_of_a_deleted_product_can_only_be_removed() -> None:
    book = product("BOOK", 2)
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, book))
    with pytest.raises(NotFound):
        move(book, 1)
    assert move(book, -2).on_hand == 0


def test_opening_stock_is_booked_once() -> None:
    books = [product(f"BOOK-{n}") for n in range(3)]
    openings = [inventory.Opening(book, quantity, 2) for book, quantity in zip(books, (5, 0, 7), strict=True)]
    for opened in (3, 0):
        with transaction() as session:
            assert inventory.open_stock(session, openings, reference="catalogue.csv") == opened
    with transaction() as session:
        assert inventory.get_available(session, books) == dict(zip(books, (5, 0, 7), strict=True))
        assert session.scalar(select(func.sum(inventory.Movement.quantity))) == 12
        assert inventory.open_stock(session, []) == 0


def test_opening_stock_respects_the_capacity() -> None:
    book = product("BOOK")
    with transaction() as session:
        inventory.update_warehouse(session, inventory.get_default_warehouse(session).id, {"capacity": {"book": 4}})
    with pytest.raises(Conflict) as refusal, transaction() as session:
        inventory.open_stock(session, [inventory.Opening(book, 5)])
    assert refusal.value.code == "capacity_exceeded"


def test_low_levels_are_listed() -> None:
    low, fine = product("LOW", 5), product("FINE", 5)
    with transaction() as session:
        for each, point in ((low, 3), (fine, 2)):
            level = inventory.set_threshold(session, each, None, point, 20)
            assert (level.reorder_point, level.reorder_quantity) == (point, 20)
    reserve({low: 2, fine: 2})
    with transaction() as session:
        rows = session.execute(inventory.select_levels(low=True)).all()
        assert [(row.sku, row.Stock.on_hand, row.Stock.reserved) for row in rows] == [("LOW", 5, 2)]
        inventory.set_threshold(session, low, None, None, None)
        assert session.execute(inventory.select_levels(low=True)).all() == []
        assert len(session.execute(inventory.select_levels(product_id=low)).all()) == 1


def test_the_audit_finds_inconsistent_levels() -> None:
    book = product("BOOK", 5)
    reserve({book: 2})
    for column in ("on_hand", "reserved"):
        with transaction() as session:
            change = update(inventory.Stock).where(inventory.Stock.product_id == book)
            session.execute(change.values({column: getattr(inventory.Stock, column) + 1}))
            (broken,) = [finding for finding in audit.check(session, STOCK) if not finding.ok]
            (at,) = session.scalars(select(inventory.Warehouse.id))
            assert (broken.examples, broken.count) == ([f"{book} in {at}"], 1)
            session.rollback()
