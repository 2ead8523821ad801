"""Carts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from durable.ids import new_id
from local.waiting import wait_until
from models import carts, catalogue, inventory
from models.core.database import transaction
from models.core.errors import InsufficientStock, NotFound
from tests.models.racing import is_blocked


@pytest.fixture
def user() -> str:
    return new_id("usr")


def product(sku: str, quantity: int, price: int = 500) -> str:
    fields = {
        "sku": sku, "kind": "clothing", "title": f"Shirt {sku}", "price_amount": price, "currency": "EUR",
        "category": "Shirts",
    }  # fmt: skip
    with transaction() as session:
        product_id = catalogue.create_product(session, fields).id
        if quantity:
            inventory.adjust(session, product_id, quantity, "delivery")
    return product_id


def quantities(user: str) -> dict[str, int]:
    with transaction() as session:
        return carts.get_quantities(session, user)


def test_a_cart_is_opened_once(user: str) -> None:
    with transaction() as session:
        first = carts.open_cart(session, user)
        assert carts.open_cart(session, user) == first


def test_quantities_of_a_product_add_up_and_the_view_has_prices(user: str) -> None:
    blue, red = product("BLUE", 10, 500), product("RED", 3, 1999)
    with transaction() as session:
        carts.add(session, user, blue, 2)
        carts.add(session, user, red, 1)
        carts.add(session, user, blue, 3)
    with transaction() as session:
        seen = carts.view(session, user)
    assert [(line.name, line.quantity, line.unit_price, line.line_total, line.available) for line in seen.items] == [
        ("Shirt BLUE", 5, 500, 2500, 10),
        ("Shirt RED", 1, 1999, 1999, 3),
    ]
    assert (seen.total, seen.currency) == (4499, "EUR")


def test_a_view_has_the_current_price_and_stock(user: str) -> None:
    blue = product("BLUE", 10, 500)
    with transaction() as session:
        carts.add(session, user, blue, 2)
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, blue), {"price_amount": 700})
        inventory.reserve(session, new_id("ord"), {blue: 9})
    with transaction() as session:
        line = carts.view(session, user).items[0]
    assert (line.unit_price, line.line_total, line.available) == (700, 1400, 1)
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, blue))
    with transaction() as session:
        assert carts.view(session, user).items[0].available == 0


def test_an_unopened_cart_is_empty(user: str) -> None:
    with transaction() as session:
        assert carts.view(session, user) == carts.View([], 0, "EUR")
        assert carts.get_quantities(session, user) == {}


def test_a_quantity_above_the_available_stock_is_refused(user: str) -> None:
    blue = product("BLUE", 3)
    with transaction() as session:
        carts.add(session, user, blue, 2)
    changes: list[Callable[[Session], object]] = [
        lambda session: carts.add(session, user, blue, 2),
        lambda session: carts.set_quantity(session, user, blue, 4),
    ]
    for change in changes:
        with pytest.raises(InsufficientStock) as refusal, transaction() as session:
            change(session)
        assert refusal.value.extra == {"available": 3}
    assert quantities(user) == {blue: 2}


def test_unknown_products_and_items_are_not_found(user: str) -> None:
    blue = product("BLUE", 3)
    changes: list[Callable[[Session], object]] = [
        lambda session: carts.add(session, user, new_id("prd"), 1),
        lambda session: carts.set_quantity(session, user, blue, 1),
        lambda session: carts.remove(session, user, blue),
    ]
    with transaction() as session:
        for change in changes:
            with pytest.raises(NotFound):
                change(session)


def test_items_are_removed_in_part_or_whole(user: str) -> None:
    blue, red = product("BLUE", 9), product("RED", 9)
    with transaction() as session:
        carts.add(session, user, blue, 5)
        carts.add(session, user, red, 5)
        carts.remove(session, user, blue, 2)
        assert carts.get_quantities(session, user) == {blue: 3, red: 5}
        carts.set_quantity(session, user, blue, 1)
        carts.remove(session, user, red, 99)
        assert carts.get_quantities(session, user) == {blue: 1}
        carts.add(session, user, red, 2)
        carts.remove(session, user, blue)
        assert carts.get_quantities(session, user) == {red: 2}
        carts.clear(session, user)
        carts.clear(session, user)
        assert carts.get_quantities(session, user) == {}


def test_a_checkout_removes_only_the_ordered_quantities(user: str) -> None:
    blue, red, green = product("BLUE", 9), product("RED", 9), product("GREEN", 9)
    with transaction() as session:
        for each in (blue, red, green):
            carts.add(session, user, each, 3)
    with transaction() as session:
        carts.remove_ordered(session, user, new_id("ord"), {blue: 3, red: 2, new_id("prd"): 1})
    assert quantities(user) == {red: 1, green: 3}


@pytest.mark.parametrize(("meanwhile", "left"), [(3, 1), (2, None), (1, None), (None, None)])
def test_removal_of_ordered_items_sees_concurrent_changes(user: str, meanwhile: int | None, left: int | None) -> None:
    blue, red = product("BLUE", 10), product("RED", 10)
    with transaction() as session:
        carts.add(session, user, blue, 5)

    def take_out() -> None:
        with transaction() as session:
            carts.remove_ordered(session, user, new_id("ord"), {blue: 2, red: 1})

    with ThreadPoolExecutor(1) as others:
        with transaction() as session:
            if meanwhile is None:
                carts.remove(session, user, blue)
            else:
                carts.set_quantity(session, user, blue, meanwhile)
            carts.add(session, user, red, 4)
            taking = others.submit(take_out)
            assert wait_until(is_blocked, 60)
        taking.result(10)
    assert quantities(user) == ({blue: left} if left else {}) | {red: 4}  # items added meanwhile stay


def test_concurrent_additions_all_count(user: str) -> None:
    blue = product("BLUE", 100)

    def add(_: int) -> None:
        with transaction() as session:
            carts.add(session, user, blue, 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert quantities(user) == {blue: 40}
