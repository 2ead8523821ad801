"""Purchase orders and deliveries."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from durable import queries, transitions
from durable.tables import RunRecord
from models import catalogue, inventory
from models.core.database import transaction
from models.core.errors import Conflict, NotFound, ShopError
from tests.models.shelves import broken, move, product, reserve, warehouse


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def order(lines: dict[str, int], warehouse_id: str | None = None) -> str:
    with transaction() as session:
        return inventory.restock(session, lines, warehouse_id).id


def receive(order_id: str, lines: dict[str, int]) -> None:
    with transaction() as session:
        inventory.receive(session, order_id, lines, "usr_x")


def book_in(order_id: str) -> str:
    with transaction() as session:
        return inventory.receive_deliveries(session, order_id).status


def level(product_id: str, warehouse_id: str | None = None) -> int:
    with transaction() as session:
        where = inventory.get_warehouse(session, warehouse_id).id
        found = session.get(inventory.Stock, (product_id, where))
        return found.on_hand if found else 0


def lines(order_id: str) -> dict[str, tuple[int, int, int]]:
    with transaction() as session:
        found = inventory.get_purchase_lines(session, [order_id])[order_id]
    return {line.sku: (line.quantity, line.delivered, line.received) for line in found}


def code(refused: pytest.ExceptionInfo[ShopError]) -> str:
    return refused.value.code


def test_partial_deliveries_are_booked_once_each() -> None:
    book, hat = product("BOOK", 1), product("HAT")
    bought = order({book: 10, hat: 5})
    receive(bought, {book: 4})
    assert (level(book), lines(bought)["BOOK"]) == (1, (10, 4, 0))
    assert [book_in(bought), book_in(bought)] == ["partly_received"] * 2
    assert (level(book), lines(bought)) == (5, {"BOOK": (10, 4, 4), "HAT": (5, 0, 0)})
    receive(bought, {book: 6})
    receive(bought, {hat: 5})
    assert [book_in(bought), book_in(bought)] == ["received"] * 2
    assert (level(book), level(hat)) == (11, 5)
    with transaction() as session:
        moved = session.scalars(select(inventory.Movement).where(inventory.Movement.reference == bought)).all()
    assert sorted((movement.product_id, movement.quantity) for movement in moved) == sorted(
        [(book, 4), (book, 6), (hat, 5)]
    )


def test_an_excess_delivery_is_refused_with_the_outstanding_quantity() -> None:
    book, hat = product("BOOK"), product("HAT")
    bought = order({book: 10})
    receive(bought, {book: 4})
    for wrong, outstanding in (({book: 7}, 6), ({book: 1, hat: 1}, 0)):
        with pytest.raises(Conflict) as refused:
            receive(bought, wrong)
        assert code(refused) == "more_than_ordered"
        assert [line["outstanding"] for line in refused.value.extra["lines"]] == [outstanding]
    assert lines(bought)["BOOK"] == (10, 4, 0)


def test_a_delivery_above_the_capacity_is_refused_as_a_whole() -> None:
    book, lamp = product("BOOK"), product("LAMP", kind="clothing")
    small = warehouse("Small", book=5)
    bought = order({book: 10, lamp: 10}, small)
    with pytest.raises(Conflict) as refused:
        receive(bought, {lamp: 10, book: 6})
    assert (code(refused), refused.value.extra["remaining"]) == ("capacity_exceeded", 5)
    assert lines(bought) == {"BOOK": (10, 0, 0), "LAMP": (10, 0, 0)}
    receive(bought, {lamp: 10, book: 5})
    book_in(bought)
    assert (level(book, small), level(lamp, small)) == (5, 10)


def test_an_accepted_delivery_reserves_its_capacity() -> None:
    book, other = product("BOOK"), product("OTHER")
    small = warehouse("Small", book=10)
    bought, second = order({book: 8}, small), order({other: 8}, small)
    receive(bought, {book: 8})
    for put in (lambda: move(other, 3, small), lambda: receive(second, {other: 3})):
        with pytest.raises(Conflict) as refused:
            put()
        assert (code(refused), refused.value.extra["remaining"]) == ("capacity_exceeded", 2)
    move(other, 2, small)
    book_in(bought)
    assert (level(book, small), level(other, small)) == (8, 2)


def test_concurrent_deliveries_share_the_last_capacity() -> None:
    books = [product(f"BOOK-{n}") for n in range(8)]
    small = warehouse("Small", book=10)
    bought = [order({book: 4}, small) for book in books]

    def deliver(at: int) -> bool:
        try:
            receive(bought[at], {books[at]: 4})
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, range(8))) == 2
    for one in bought:
        book_in(one)
    assert sum(level(book, small) for book in books) == 8


def test_concurrent_deliveries_do_not_exceed_the_ordered_quantity() -> None:
    book = product("BOOK")
    bought = order({book: 10})

    def deliver(_: int) -> bool:
        try:
            receive(bought, {book: 6})
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(deliver, range(6))) == 1
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(book_in, [bought] * 6)) == {"partly_received"}
    assert level(book) == 6


def test_a_cancelled_order_keeps_its_deliveries_and_accepts_no_more() -> None:
    book = product("BOOK")
    bought = order({book: 10})
    receive(bought, {book: 3})
    with transaction() as session:
        inventory.cancel_purchase_order(session, bought, None)
    assert (book_in(bought), level(book)) == ("cancelled", 3)
    late_changes: list[Callable[[], None]] = [lambda: receive(bought, {book: 1}), lambda: cancel(bought)]
    for late in late_changes:
        with pytest.raises(Conflict) as refused:
            late()
        assert code(refused) == "wrong_state"


def cancel(order_id: str) -> None:
    with transaction() as session:
        inventory.cancel_purchase_order(session, order_id, None)


def test_a_fully_delivered_order_cannot_be_cancelled() -> None:
    book = product("BOOK")
    bought = order({book: 2})
    receive(bought, {book: 2})
    with pytest.raises(Conflict) as refused:
        cancel(bought)
    assert refused.value.extra == {"current": "ordered", "possible": ["received"]}
    assert (code(refused), book_in(bought)) == ("wrong_state", "received")


def test_a_closed_warehouse_or_deleted_product_cannot_be_restocked() -> None:
    book, closed = product("BOOK"), warehouse("Closed")
    with transaction() as session:
        inventory.update_warehouse(session, closed, {"status": "closed"})
    with pytest.raises(Conflict) as refused:
        order({book: 1}, closed)
    assert code(refused) == "warehouse_closed"
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, book))
    with pytest.raises(NotFound) as unknown:
        order({book: 1})
    assert unknown.value.extra["products"] == [book]
    with transaction() as session:
        assert session.scalars(select(RunRecord)).all() == []


def test_a_delivery_lets_low_stock_recover() -> None:
    book = product("BOOK", 5)
    with transaction() as session:
        inventory.set_threshold(session, book, None, 5, None)
    bought = order({book: 3})
    receive(bought, {book: 3})
    book_in(bought)
    with transaction() as session:
        assert session.execute(inventory.select_levels(low=True)).all() == []


def reorder(product_id: str) -> dict[str, int] | None:
    with transaction() as session:
        made = inventory.reorder(session, product_id, inventory.get_default_warehouse(session).id)
        return lines_of(session, made)


def lines_of(session: Session, made: inventory.PurchaseOrder | None) -> dict[str, int] | None:
    if made is None:
        return None
    return {line.sku: line.quantity for line in inventory.get_purchase_lines(session, [made.id])[made.id]}


def test_low_stock_is_reordered_until_enough_is_on_order() -> None:
    book = product("BOOK", 10)
    assert reorder(book) is None
    with transaction() as session:
        inventory.set_threshold(session, book, None, 8, 5)
    assert reorder(book) is None
    reserve({book: 2})
    assert reorder(book) == {"BOOK": 5}
    assert reorder(book) is None
    reserve({book: 6})
    assert reorder(book) == {"BOOK": 5}
    assert reorder(book) is None


def test_concurrent_reorders_order_once() -> None:
    book = product("BOOK", 1)
    with transaction() as session:
        inventory.set_threshold(session, book, None, 1, 5)
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(reorder, [book] * 6))
    assert [lines for lines in made if lines] == [{"BOOK": 5}]


def test_the_audit_finds_double_bookings_and_abandoned_orders() -> None:
    book = product("BOOK")
    bought = order({book: 5})
    receive(bought, {book: 2})
    book_in(bought)
    assert broken() == []
    with transaction() as session:
        inventory.adjust(session, book, 2, "purchase order", reference=bought)
    assert broken() == ["received purchase order lines match stock movements"]
    with transaction() as session:
        inventory.adjust(session, book, -2, "purchase order", reference=bought)
        run = session.get(RunRecord, inventory.get_purchase_order(session, bought).run_id)
        assert run is not None
        transitions.end(session, queries.get_run(session, run.id), "cancelled")
    assert broken() == ["every open purchase order has a live run"]
    with transaction() as session:
        inventory.close_cancelled(session, bought)
