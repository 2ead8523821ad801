"""Reservations of stock for orders."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from durable.ids import new_id
from models import inventory
from models.core.database import transaction
from models.core.errors import InsufficientStock
from tests.models.shelves import available, broken, move, product, reservations, reserve, warehouse


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def test_an_order_is_reserved_atomically() -> None:
    plenty, scarce, none = product("PLENTY", 10), product("SCARCE", 1), product("NONE")
    with pytest.raises(InsufficientStock) as refusal:
        reserve({plenty: 2, scarce: 2, none: 1})
    short = {line["product_id"]: (line["requested"], line["available"]) for line in refusal.value.extra["lines"]}
    assert short == {scarce: (2, 1), none: (1, 0)}
    assert available(plenty) == 10
    order = reserve({plenty: 2, scarce: 1})
    assert sorted(reservations(order).values()) == [(1, "reserved"), (2, "reserved")]
    assert (available(plenty), available(scarce)) == (8, 0)


def test_a_second_reservation_of_the_same_order_does_nothing() -> None:
    book = product("BOOK", 10)
    order = reserve({book: 3})
    with transaction() as session:
        inventory.reserve(session, order, {book: 3})
    assert available(book) == 7


def test_a_line_is_split_only_if_no_warehouse_can_cover_it() -> None:
    annex, book = warehouse("Annex"), product("BOOK", 3)
    move(book, 5, annex)
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
    assert reservations(reserve({book: 4})) == {(book, annex): (4, "reserved")}
    assert reservations(reserve({book: 2})) == {(book, main): (2, "reserved")}
    assert reservations(reserve({book: 2})) == {(book, main): (1, "reserved"), (book, annex): (1, "reserved")}
    assert available(book) == 0


def test_a_reservation_is_allocated_once_and_released_once() -> None:
    book = product("BOOK", 10)
    order, other = reserve({book: 3}), reserve({book: 2})
    with transaction() as session:
        assert [inventory.allocate(session, order), inventory.allocate(session, order)] == [1, 0]
    assert [status for _, status in reservations(order).values()] == ["allocated"]
    assert available(book) == 5
    with transaction() as session:
        assert [inventory.release(session, order), inventory.release(session, order)] == [3, 0]
        assert inventory.release(session, new_id("ord")) == 0
        assert inventory.allocate(session, order) == 0
    assert [status for _, status in reservations(order).values()] == ["released"]
    assert [status for _, status in reservations(other).values()] == ["reserved"]
    assert available(book) == 8


def test_fifty_units_are_sold_exactly_fifty_times() -> None:
    book = product("BOOK", 50)

    def buy(_: int) -> bool:
        try:
            reserve({book: 1})
        except InsufficientStock:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(buy, range(100))) == 50
    assert available(book) == 0


def test_orders_and_cancellations_in_any_order_of_lines_do_not_deadlock() -> None:
    books = [product(f"BOOK-{n}", 1000) for n in range(5)]

    def shop(seed: int) -> None:
        random = Random(seed)
        for _ in range(5):
            lines = random.sample(books, 4)
            order = reserve(dict.fromkeys(lines, 1))
            if random.random() < 0.5:
                with transaction() as session:
                    inventory.release(session, order)
            move(random.choice(books), random.choice((-1, 1)))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(shop, range(20)))


def test_concurrent_releases_of_an_order_release_it_once() -> None:
    book = product("BOOK", 100)
    orders = [reserve({book: 5}) for _ in range(10)]

    def release(order: str) -> int:
        with transaction() as session:
            return inventory.release(session, order)

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(release, orders * 3)) == 50
    assert available(book) == 100


def test_released_stock_can_be_reserved_at_once() -> None:
    books = [product(f"BOOK-{n}", 6) for n in range(3)]

    def shop(seed: int) -> None:
        random = Random(seed)
        for _ in range(15):
            try:
                order = reserve(dict.fromkeys(random.sample(books, 2), random.randint(1, 2)))
            except InsufficientStock:  # the only possible refusal
                continue
            with transaction() as session:
                inventory.release(session, order)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shop, range(8)))
    assert [available(book) for book in books] == [6, 6, 6]
