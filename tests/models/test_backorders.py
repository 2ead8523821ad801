"""Backorders: units sold beyond stock up to a limit, and filled in the order of the orders."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from durable.ids import new_id
from local.waiting import wait_until
from models import inventory
from models.core.database import transaction
from models.core.errors import InsufficientStock, NotFound
from models.core.event_log import Event
from models.inventory.backorders import lock_of_order
from tests.counting import statements
from tests.models.backordering import SOON, allocate, allow, backordered, confirmed, main, notified, release, waiting
from tests.models.racing import is_blocked, race
from tests.models.shelves import available, broken, move, product, reservations, reserve, warehouse


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def test_units_beyond_stock_are_sold_up_to_the_limit() -> None:
    book, hat = product("BOOK", 3), product("HAT", 9)
    allow(book, 4)
    order = reserve({book: 5, hat: 1})
    assert reservations(order) == {(book, main()): (3, "reserved"), (hat, main()): (1, "reserved")}
    assert (waiting(order), backordered(book)) == ({book: (2, 0, "reserved")}, 2)
    with pytest.raises(InsufficientStock) as refused:
        reserve({book: 3, hat: 9})
    assert refused.value.extra["lines"] == [
        {"product_id": one, "requested": n, "available": there} for one, n, there in sorted([(book, 3, 2), (hat, 9, 8)])
    ]
    assert (backordered(book), available(hat)) == (2, 8)
    reserve({book: 2})
    with pytest.raises(InsufficientStock):
        reserve({book: 1})


def test_a_second_reservation_of_an_order_without_stock_does_nothing() -> None:
    book = product("BOOK")
    allow(book, 4)
    order = reserve({book: 2})
    with transaction() as session:
        inventory.reserve(session, order, {book: 2})
    assert backordered(book) == 2


def test_a_constraint_keeps_backorders_within_the_limit() -> None:
    book = product("BOOK")
    allow(book, 4)
    reserve({book: 4})
    sold = update(inventory.BackorderTerms).values(backordered=5)
    with pytest.raises(IntegrityError, match="ck_backorder_terms_not_oversold"), transaction() as session:
        session.execute(sold)
    allow(book, 1)
    for wrong in (5, 6):
        with pytest.raises(IntegrityError, match="not_oversold"), transaction() as session:
            session.execute(update(inventory.BackorderTerms).values(backordered=wrong))


def test_a_lower_limit_keeps_what_was_sold_and_sells_no_more() -> None:
    book = product("BOOK")
    allow(book, 4)
    first, second = confirmed({book: 1}), confirmed({book: 3})
    allow(book, 0)
    with pytest.raises(InsufficientStock):
        reserve({book: 1})
    move(book, 2)
    assert (waiting(first)[book], waiting(second)[book]) == ((1, 1, "filled"), (3, 1, "waiting"))
    allow(book, 3)
    reserve({book: 1})
    with pytest.raises(InsufficientStock):
        reserve({book: 1})
    with transaction() as session, pytest.raises(NotFound):
        inventory.set_terms(session, "prd_" + 32 * "0", 1, SOON)


def test_goods_are_allocated_in_the_order_of_the_orders_and_customers_are_told() -> None:
    book = product("BOOK", 1)
    allow(book, 100)
    first, second, third = (confirmed({book: 4}) for _ in range(3))
    assert notified() == []
    move(book, 5)
    assert reservations(first) == {(book, main()): (4, "allocated")}
    assert (waiting(second), waiting(third)) == ({book: (4, 2, "waiting")}, {book: (4, 0, "waiting")})
    assert (available(book), backordered(book)) == (0, 6)
    assert notified() == [(first, {book: 3}), (second, {book: 2})]
    move(book, 10, warehouse("Annex"))
    assert (waiting(second)[book], waiting(third)[book]) == ((4, 4, "filled"), (4, 4, "filled"))
    assert (available(book), backordered(book)) == (4, 0)
    assert sum(units for units, _ in reservations(second).values()) == 4
    assert len(notified()) == 4


def test_an_unconfirmed_order_is_filled_without_telling_the_customer() -> None:
    book = product("BOOK")
    allow(book, 4)
    order = reserve({book: 2})
    move(book, 1)
    assert (reservations(order), waiting(order)) == ({(book, main()): (1, "reserved")}, {book: (2, 1, "reserved")})
    allocate(order)
    assert (reservations(order), waiting(order)) == ({(book, main()): (1, "allocated")}, {book: (2, 1, "waiting")})
    move(book, 1)
    assert reservations(order) == {(book, main()): (2, "allocated")}
    assert notified() == [(order, {book: 1})]


def test_deliveries_transfers_cancellations_and_opened_warehouses_fill_backorders() -> None:
    book, annex = product("BOOK", 2), warehouse("Annex")
    allow(book, 100)
    holder = reserve({book: 2})
    orders = [confirmed({book: 2}) for _ in range(4)]
    assert release(holder) == 2
    assert waiting(orders[0])[book] == (2, 2, "filled")
    with transaction() as session:
        bought = inventory.restock(session, {book: 2}, annex)
        inventory.receive(session, bought.id, {book: 2}, None)
    with transaction() as session:
        inventory.receive_deliveries(session, bought.id)
    assert reservations(orders[1]) == {(book, annex): (2, "allocated")}
    closed = warehouse("Closed")
    with transaction() as session:
        inventory.update_warehouse(session, closed, {"status": "closed"})
        inventory.receive_stock(session, closed, {book: 2}, "found", "x", None)
    assert waiting(orders[2])[book] == (2, 0, "waiting")
    with transaction() as session:
        inventory.update_warehouse(session, closed, {"status": "active"})
    assert reservations(orders[2]) == {(book, closed): (2, "allocated")}
    with transaction() as session:
        inventory.receive_stock(session, annex, {book: 3}, "return", "y", None, written_off={book: 2})
    assert waiting(orders[3])[book] == (2, 1, "waiting")


def test_a_cancelled_order_frees_its_backorders_and_fills_those_of_others() -> None:
    book, hat = product("BOOK", 1), product("HAT", 5)
    allow(book, 5)
    first, second = confirmed({book: 3, hat: 1}), confirmed({book: 2})
    assert [release(first), release(first)] == [2, 0]
    assert (waiting(first)[book], waiting(second)[book]) == ((2, 0, "released"), (2, 1, "waiting"))
    assert (backordered(book), available(hat)) == (1, 5)
    assert {status for _, status in reservations(first).values()} == {"released"}
    reserve({book: 4})


def test_the_reorder_proposal_covers_backorders() -> None:
    book = product("BOOK", 1)
    allow(book, 50)
    with transaction() as session:
        inventory.set_threshold(session, book, None, 2, 10)
    confirmed({book: 8})

    def reorder() -> list[int]:
        with transaction() as session:
            made = inventory.reorder(session, book, inventory.get_default_warehouse(session).id)
            return [line.quantity for line in inventory.get_purchase_lines(session, [made.id])[made.id]] if made else []

    assert [reorder(), reorder()] == [[17], []]
    confirmed({book: 10})
    assert [reorder(), reorder()] == [[10], []]


def test_a_level_that_is_filled_at_once_reports_no_recovery() -> None:
    book = product("BOOK", 3)
    allow(book, 50)
    with transaction() as session:
        inventory.set_threshold(session, book, None, 1, None)
    confirmed({book: 8})
    move(book, 5)
    with transaction() as session:
        names = session.scalars(select(Event.name).where(Event.subject == book).order_by(Event.id)).all()
        assert [name for name in names if name in ("stock.low", "stock.backordered", "stock.recovered")] == [
            "stock.low", "stock.backordered",
        ]  # fmt: skip
    move(book, 5)
    with transaction() as session:
        assert session.execute(inventory.select_levels(low=True)).all() == []


def test_orders_that_are_in_stock_take_no_further_statement() -> None:
    books = [product(f"BOOK-{n}", 9) for n in range(3)]
    with transaction() as session, statements() as sent:
        session.connection()
        inventory.reserve(session, order := new_id("ord"), dict.fromkeys(books, 1))
        assert len(sent) == 1
        inventory.allocate(session, order)
        assert len(sent) == 2
        inventory.release(session, order)
        assert len(sent) == 4  # and the lock of the terms of what it frees


def test_the_last_units_beyond_stock_are_sold_once() -> None:
    book = product("BOOK", 3)
    allow(book, 4)
    assert sum(race([partial(reserve, {book: 1})] * 15)) == 7
    assert (available(book), backordered(book)) == (0, 4)


def test_goods_that_come_while_orders_are_placed_are_never_passed_over() -> None:
    for number in range(8):
        book = product(f"BOOK-{number}")
        allow(book, 6)
        annex = warehouse(f"Annex {number}")
        assert all(race([*[partial(confirmed, {book: 1})] * 5, partial(move, book, 3, annex), partial(move, book, 1)]))
        assert (backordered(book), available(book), broken()) == (1, 0, [])


def test_orders_cancellations_and_goods_at_once_agree() -> None:
    books, annex = [product(f"BOOK-{n}", 2) for n in range(3)], warehouse("Annex")
    for book in books:
        allow(book, 10)

    def work(seed: int) -> None:
        random = Random(seed)
        for _ in range(8):
            try:
                order = confirmed({book: random.randint(1, 3) for book in random.sample(books, 2)})
            except InsufficientStock:  # the only possible refusal
                move(random.choice(books), 2, random.choice((annex, None)))
                continue
            if random.random() < 0.6:
                release(order)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_a_level_that_is_inserted_while_an_order_waits_for_its_terms_is_locked_before_them() -> None:
    book, annex = product("BOOK", 1), warehouse("Annex")
    allow(book, 10)
    order = confirmed({book: 3})

    def lock() -> set[str]:
        with transaction() as session:
            return {level.warehouse_id for level in lock_of_order(session, order) or ()}

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            inventory.adjust(session, book, 1, "count", annex)  # it has locked the terms, and fills the order
            locked = pool.submit(lock)
            assert wait_until(is_blocked, 60)
        assert locked.result(10) == {main(), annex}
    assert release(order) == 2


def test_the_audit_finds_wrong_sums_and_orders_that_were_passed_over() -> None:
    book = product("BOOK", 1)
    allow(book, 10)
    confirmed({book: 2})
    with transaction() as session:
        session.execute(update(inventory.BackorderTerms).values(backordered=3))
    assert broken() == ["backordered units are the sum of open backorders, within the limits"]
    with transaction() as session:
        session.execute(update(inventory.BackorderTerms).values(backordered=1))
        session.execute(update(inventory.Stock).values(reserved=0))
    assert "no stock is available while orders wait for it" in broken()
    with transaction() as session:
        session.execute(update(inventory.Stock).values(reserved=1))
