"""Fixtures and helpers for products and orders."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from tests.conftest import ADDRESS

if TYPE_CHECKING:
    from models.orders import Order


def make_product(sku: str, stock: int, price: int = 1999) -> str:
    """Creates a product with this stock; returns its id."""
    from models import catalogue, inventory
    from models.core.database import transaction

    with transaction() as session:
        made = catalogue.create_product(
            session,
            {"sku": sku, "kind": "clothing", "title": f"The {sku}", "description": "A thing to wear.",
             "price_amount": price, "currency": "EUR", "category": "Things", "attributes": {}},
        )  # fmt: skip
        if stock:
            inventory.adjust(session, made.id, stock, "opening stock")
        return made.id


@pytest.fixture
def product(database: None) -> Callable[..., str]:
    """Creates a product with this stock; returns its id."""
    return make_product


def fill_cart(caller: Any, wants: dict[str, int]) -> None:
    """Adds products to a customer's cart: product → units."""
    from models import carts
    from models.core.database import transaction

    with transaction() as session:
        for product_id, quantity in wants.items():
            carts.add(session, caller.user_id, product_id, quantity)


@pytest.fixture
def order(database: None) -> Callable[..., Any]:
    """Fills a customer's cart and checks out; returns the response."""
    keys = iter(range(10_000))

    def place(caller: Any, wants: dict[str, int], method: str = "pm_card_visa", wait: int = 20, **headers: str) -> Any:
        fill_cart(caller, wants)
        headers = {"Idempotency-Key": f"key-{next(keys)}", "Prefer": f"wait={wait}", **headers}
        return caller.post("/v1/checkout", json={"address": ADDRESS, "payment": {"method": method}}, headers=headers)

    return place


def make_customer(username: str, email: str | None = None) -> str:
    """Registers a customer with an empty cart; returns the id."""
    from models import accounts, carts
    from models.core.database import transaction

    with transaction() as session:
        user = accounts.add_customer(
            session, username=username, email=email or f"{username}@example.org", password_hash="none",
            first_name=username.title(), last_name="Tester", address=ADDRESS,
        )  # fmt: skip
        carts.open_cart(session, user.id)
        return user.id


def confirm_address(user_id: str) -> None:
    """Confirms the e-mail address of a user who has registered, as the mailed token does."""
    from models import accounts
    from models.core.database import transaction

    with transaction() as session:
        user = session.get_one(accounts.User, user_id, with_for_update=True)
        accounts.mark_confirmed(session, user)


def place_order(
    session: Session, user_id: str, wants: dict[str, int], method: str = "pm_card_visa", return_url: str | None = None
) -> "Order":
    """Fills the customer's cart and places the order, which starts its checkout once the caller commits."""
    from models import carts, orders

    for product_id, quantity in wants.items():
        carts.add(session, user_id, product_id, quantity)
    return orders.get(session, orders.place(session, user_id, ADDRESS, method, return_url=return_url).id)
