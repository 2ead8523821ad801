"""Guest carts, and changes since the last view."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from durable.ids import new_id
from models import carts, catalogue, inventory
from models.core.database import transaction
from models.core.errors import NotSignedIn
from tests.models.test_carts import product, quantities


def guest(**wants: int) -> tuple[str, str]:
    """A guest cart with these quantities; its id and token."""
    with transaction() as session:
        cart_id, token = carts.open_guest_cart(session)
        for product_id, quantity in wants.items():
            carts.add(session, cart_id, product_id, quantity)
    return cart_id, token


def merge(user: str, token: str) -> carts.MergeResult | None:
    with transaction() as session:
        return carts.merge(session, user, token)


def look(holder: str) -> list[tuple[str, int, int]]:
    with transaction() as session:
        return [(change.kind, change.before, change.now) for change in carts.view_with_changes(session, holder).changes]


@pytest.fixture
def user() -> str:
    return new_id("usr")


def test_the_token_opens_the_cart_and_is_stored_as_a_hash() -> None:
    cart_id, token = guest()
    with transaction() as session:
        assert carts.find_guest_cart(session, token) == cart_id
        kept = session.scalars(select(carts.Cart.token_hash)).one()
        assert kept
        assert token not in kept
        for forged in ("", cart_id, token[:-1]):
            with pytest.raises(NotSignedIn) as refusal:
                carts.find_guest_cart(session, forged)
            assert refusal.value.code == "invalid_cart_token"


def test_merged_quantities_are_limited_by_the_stock(user: str) -> None:
    blue, red, green, black = (product(sku, quantity) for sku, quantity in (("B", 9), ("R", 5), ("G", 4), ("K", 3)))
    _, token = guest(**{blue: 2, red: 4, green: 4, black: 1})
    with transaction() as session:
        carts.add(session, user, blue, 3)
        carts.add(session, user, red, 4)
    with transaction() as session:
        inventory.adjust(session, red, -2, "broken")  # 3 remain, fewer than the customer's cart contains
        inventory.adjust(session, green, -2, "broken")
        catalogue.delete_product(session, catalogue.get_product(session, black))
    merged = merge(user, token)
    assert merged is not None
    assert merged.added == 4
    assert {(short.product_id, short.wanted, short.quantity) for short in merged.short} == {
        (red, 8, 4), (green, 4, 2), (black, 1, 0),
    }  # fmt: skip
    assert quantities(user) == {blue: 5, red: 4, green: 2}


def test_concurrent_merges_merge_once(user: str) -> None:
    blue = product("BLUE", 90)
    cart_id, token = guest(**{blue: 2})
    with ThreadPoolExecutor(4) as pool:
        merged = list(pool.map(lambda _: merge(user, token), range(8)))
    assert [found.added for found in merged if found] == [2]
    assert quantities(user) == {blue: 2}
    with transaction() as session, pytest.raises(NotSignedIn):
        carts.add(session, cart_id, blue, 1)


def test_a_guest_cart_is_merged_into_one_account_only() -> None:
    blue = product("BLUE", 90)
    _, token = guest(**{blue: 2})
    users = [new_id("usr") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        merged = list(pool.map(lambda user: merge(user, token), users))
    assert sum(found is not None for found in merged) == 1
    assert sum(quantity for user in users for quantity in quantities(user).values()) == 2


def test_a_customers_cart_is_not_accessible_by_its_id(user: str) -> None:
    blue = product("BLUE", 9)
    with transaction() as session:
        carts.add(session, user, blue, 1)
        cart_id = carts.open_cart(session, user)
    assert quantities(cart_id) == {}
    with transaction() as session, pytest.raises(NotSignedIn):
        carts.clear(session, cart_id)


def test_a_view_shows_changes_since_the_last_view(user: str) -> None:
    blue, red = product("BLUE", 10, 500), product("RED", 3)
    with transaction() as session:
        carts.add(session, user, blue, 2)
        carts.add(session, user, red, 1)
    assert look(user) == []
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, blue), {"price_amount": 700})
        inventory.adjust(session, blue, -9, "broken")
        catalogue.delete_product(session, catalogue.get_product(session, red))
    assert look(user) == [("price", 500, 700), ("availability", 10, 1), ("gone", 3, 0)]
    assert look(user) == []


def test_an_addition_does_not_hide_a_change(user: str) -> None:
    blue = product("BLUE", 10, 500)
    with transaction() as session:
        carts.add(session, user, blue, 1)
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, blue), {"price_amount": 700})
    with transaction() as session:
        carts.add(session, user, blue, 1)
    assert look(user) == [("price", 500, 700)]


def test_a_merged_cart_keeps_the_prices_that_the_guest_has_seen(user: str) -> None:
    blue = product("BLUE", 10, 500)
    _, token = guest(**{blue: 1})
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, blue), {"price_amount": 700})
    merge(user, token)
    assert look(user) == [("price", 500, 700)]


def make_idle(holder: str, days: float) -> None:
    with transaction() as session:
        whose = carts.Cart.id == holder if holder.startswith("crt") else carts.Cart.user_id == holder
        session.execute(update(carts.Cart).where(whose).values(updated_at=func.now() - timedelta(days=days)))


def test_a_guest_cart_expires_before_it_is_deleted(user: str) -> None:
    _, token = found = guest(**{product("BLUE", 9): 1})
    make_idle(found[0], 31)
    assert merge(user, token) is None
    with transaction() as session, pytest.raises(NotSignedIn):
        carts.find_guest_cart(session, token)


def test_old_carts_are_deleted_in_batches(user: str) -> None:
    blue = product("BLUE", 99)
    old = [guest(**{blue: 1})[0] for _ in range(5)]
    fresh, other = guest(**{blue: 1})[0], new_id("usr")
    for each in (user, other):
        with transaction() as session:
            carts.add(session, each, blue, 1)
    for each in old:
        make_idle(each, 31)
    make_idle(user, 181)
    make_idle(other, 179)
    found = []
    for _ in range(4):
        with transaction() as session:
            found.append(carts.expire(session, portion=2))
    assert found == [(3, True), (2, True), (1, False), (0, False)]
    with transaction() as session:
        left = set(session.scalars(select(carts.Cart.id).where(carts.Cart.user_id.is_(None))))
    assert left == {fresh}
    assert (quantities(user), quantities(other)) == ({}, {blue: 1})
