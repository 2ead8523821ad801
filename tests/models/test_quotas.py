"""Quotas hold also when everybody adds at the same time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from models import access, accounts, carts, webhooks
from models.carts.tables import Item
from models.core.database import single_statements, transaction
from models.core.errors import Conflict
from models.orders.placing import place
from settings import settings
from tests.conftest import ADDRESS
from tests.models.racing import race
from tests.reaching import ENDPOINT, KEYS
from tests.shopping import make_customer, make_product

MOST = 3


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> str:
    """A customer without an address, of a shop with low quotas."""
    for name in ("cart_items", "addresses", "devices", "api_keys", "webhook_endpoints"):
        monkeypatch.setitem(settings.__dict__, name, MOST)
    customer = make_customer("ada")
    with transaction() as session:
        for address in session.scalars(accounts.list_addresses(customer)):
            session.delete(address)
    return customer


def add_address(user_id: str, _number: int) -> None:
    with transaction() as session:
        accounts.add_address(session, user_id, {**ADDRESS, "line2": None, "postal_code": None})


def add_device(user_id: str, number: int) -> None:
    with transaction() as session:
        accounts.add_device(session, user_id, f"{ENDPOINT}{number}", KEYS)


def add_key(user_id: str, number: int) -> None:
    with transaction() as session:
        access.create_key(session, user_id, ["stock:read"], f"till {number}", ["stock:read"], timedelta(days=1))


def add_endpoint(_user_id: str, number: int) -> None:
    with transaction() as session:
        webhooks.create_endpoint(session, f"https://93.184.216.34/{number}", [], "")


ADDING: dict[str, Callable[[str, int], None]] = {
    "too_many_addresses": add_address, "too_many_devices": add_device, "too_many_keys": add_key,
    "too_many_endpoints": add_endpoint,
}  # fmt: skip


@pytest.mark.parametrize("code", ADDING)
def test_nobody_takes_a_place_beyond_the_last(ada: str, code: str) -> None:
    add = ADDING[code]
    assert race([partial(add, ada, number) for number in range(8)]).count(True) == MOST
    with pytest.raises(Conflict) as refusal:
        add(ada, 9)
    assert (refusal.value.code, refusal.value.extra["limit"]) == (code, MOST)


def test_a_revoked_key_takes_no_place(ada: str) -> None:
    for number in range(MOST):
        add_key(ada, number)
    with transaction() as session:
        access.revoke_key(session, session.scalars(access.list_keys()).first().id)  # type: ignore[union-attr]
    add_key(ada, MOST)


def products_in_cart() -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(Item)).one()


Opening = Callable[[], AbstractContextManager[Any]]


@pytest.mark.parametrize("opened", [single_statements, transaction], ids=["one statement", "transaction"])
def test_a_cart_has_a_limited_number_of_products(ada: str, opened: Opening) -> None:
    things = [make_product(f"THING-{number}", 9) for number in range(6)]

    def add(product_id: str) -> None:
        with opened() as session:
            carts.add(session, ada, product_id, 1)

    assert race([partial(add, thing) for thing in things]).count(True) == MOST == products_in_cart()
    with transaction() as session:
        held = carts.get_quantities(session, ada)
    [more, *_] = held
    add(more)
    other = next(thing for thing in things if thing not in held)
    with pytest.raises(Conflict) as refusal:
        add(other)
    assert (refusal.value.code, refusal.value.extra["limit"]) == ("cart_full", MOST)
    with transaction() as session:
        assert carts.get_quantities(session, ada) == {**held, more: 2}


def test_a_merged_cart_has_a_limited_number_of_products(ada: str) -> None:
    things = [make_product(f"THING-{number}", 9) for number in range(4)]
    with transaction() as session:
        guest, token = carts.open_guest_cart(session)
        for holder, chosen in ((ada, things[:2]), (guest, things[1:])):
            for thing in chosen:
                carts.add(session, holder, thing, 1)
    with transaction() as session:
        merged = carts.merge(session, ada, token)
        assert merged is not None
        assert [(one.product_id, one.quantity) for one in merged.short] == [(things[3], 0)]
        assert carts.get_quantities(session, ada) == {things[0]: 1, things[1]: 2, things[2]: 1}


def test_an_order_has_a_limited_number_of_lines(ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "order_lines", 1)
    with transaction() as session:
        for number in range(2):
            carts.add(session, ada, make_product(f"THING-{number}", 9), 1)
    with transaction() as session, pytest.raises(Conflict) as refusal:
        place(session, ada, dict(ADDRESS), "pm_card_visa")
    assert (refusal.value.code, refusal.value.extra["limit"]) == ("too_many_lines", 1)
