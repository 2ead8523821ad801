"""Which warehouses supply an order, and moving its allocation."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product as pairs
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import inventory
from models.core.database import transaction
from models.core.errors import InsufficientStock
from models.inventory.allocation import Units, choose
from tests.models.shelves import available, broken, move, product, reservations, reserve, warehouse


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def supply(lines: dict[str, int], **shelves: dict[str, int]) -> dict[tuple[str, str | None], int]:
    there = [Units(product_id, name, units) for name, goods in shelves.items() for product_id, units in goods.items()]
    return {(part.product_id, part.warehouse_id): part.quantity for part in choose(lines, there)}


def test_one_warehouse_is_preferred_to_two_and_more_stock_to_less() -> None:
    both, more = {"a": 2, "b": 1}, {"a": 2, "b": 9}
    assert supply({"a": 2, "b": 1}, x={"a": 90}, y={"b": 90}, z=both) == {("a", "z"): 2, ("b", "z"): 1}
    assert supply({"a": 2, "b": 1}, x=both, y=more) == {("a", "y"): 2, ("b", "y"): 1}


def test_the_fewest_warehouses_are_found_where_the_largest_ones_do_not_help() -> None:
    found = supply(
        dict.fromkeys("abcde", 1), x=dict.fromkeys("abc", 5), y=dict.fromkeys("abd", 9), z=dict.fromkeys("de", 1)
    )
    assert {warehouse_id for _, warehouse_id in found} == {"x", "z"}


def test_a_line_is_split_if_no_warehouse_has_all_of_it() -> None:
    assert supply({"a": 5}, x={"a": 3}, y={"a": 4}) == {("a", "y"): 4, ("a", "x"): 1}
    assert supply({"a": 9}, x={"a": 3}, y={"a": 4}) == {("a", "y"): 4, ("a", "x"): 3}  # as far as there is any
    five = {name: {"a": 1} for name in "vwxyz"}
    assert sum(supply({"a": 5}, **five).values()) == 5
    assert supply({"a": 1}) == {}


SHELF = st.dictionaries(st.sampled_from("abc"), st.integers(0, 4))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 6), min_size=1), st.lists(SHELF, max_size=6))
def test_everything_that_is_there_is_supplied_and_nothing_more(lines: dict[str, int], shelves: list[Any]) -> None:
    named = {f"w{number}": shelf for number, shelf in enumerate(shelves)}
    found = supply(lines, **named)
    for name, product_id in pairs(named, "abc"):
        assert found.get((product_id, name), 0) <= named[name].get(product_id, 0)
    for product_id, quantity in lines.items():
        there = sum(shelf.get(product_id, 0) for shelf in shelves)
        assert sum(units for (one, _), units in found.items() if one == product_id) == min(quantity, there)


def test_an_order_is_reserved_in_the_warehouse_that_has_all_of_it() -> None:
    book, hat = product("BOOK", 9), product("HAT")
    annex, far = warehouse("Annex"), warehouse("Far")
    for product_id, where in pairs((book, hat), (annex, far)):
        move(product_id, 2 if where == annex else 3, where)
    assert {where for _, where in reservations(reserve({book: 2, hat: 2}))} == {far}
    assert {where for _, where in reservations(reserve({book: 2, hat: 2}))} == {annex}
    with pytest.raises(InsufficientStock) as refused:
        reserve({book: 2, hat: 2})
    assert refused.value.extra["lines"] == [{"product_id": hat, "requested": 2, "available": 1}]
    assert available(book) == 10


def allocated(lines: dict[str, int]) -> str:
    order_id = reserve(lines)
    with transaction() as session:
        inventory.allocate(session, order_id)
    return order_id


def reallocate(order_id: str, target: str, *parts: Units) -> None:
    with transaction() as session:
        inventory.reallocate(session, order_id, target, parts)


def test_an_allocation_is_moved_in_part_and_back() -> None:
    book, annex = product("BOOK", 9), warehouse("Annex")
    order_id = allocated({book: 4})
    move(book, 3, annex)
    ((_, main),) = reservations(order_id)
    reallocate(order_id, annex, Units(book, main, 3))
    assert reservations(order_id) == {(book, main): (1, "allocated"), (book, annex): (3, "allocated")}
    with pytest.raises(InsufficientStock) as refused:
        reallocate(order_id, annex, Units(book, main, 1))
    assert refused.value.extra["lines"] == [{"product_id": book, "requested": 1, "available": 0}]
    reallocate(order_id, main, Units(book, annex, 3))
    assert reservations(order_id) == {(book, main): (4, "allocated")}
    with pytest.raises(InsufficientStock):
        reallocate(order_id, warehouse("Empty"), Units(book, main, 1))


def test_allocations_that_move_and_orders_at_once_never_oversell() -> None:
    books, annex = [product(f"BOOK-{n}", 20) for n in range(3)], warehouse("Annex")
    for book in books:
        move(book, 12, annex)
    orders = [allocated(dict.fromkeys(books, 2)) for _ in range(6)]
    (main,) = {where for _, where in reservations(orders[0])}

    def work(order_id: str) -> None:
        random = Random(order_id)
        for _ in range(8):
            (book, source), (units, _) = random.choice(sorted(reservations(order_id).items()))
            try:
                reallocate(order_id, main if source == annex else annex, Units(book, source, random.randint(1, units)))
                reserve(dict.fromkeys(random.sample(books, 2), 1))
            except InsufficientStock:  # the only possible refusal
                continue

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, orders))
    assert all(sum(units for units, _ in reservations(order_id).values()) == 6 for order_id in orders)
