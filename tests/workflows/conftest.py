"""A shop of real processes, started once for this folder's tests; each test has a new database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ADDRESS
from tests.shop import Shop


@pytest.fixture(scope="package")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Gateway and mailbox, one worker for all queues and one dispatcher."""
    var: Path = tmp_path_factory.mktemp("shop")
    with ExitStack() as exits:
        shop = Shop(var, exits)
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture
def product(database: None) -> Callable[..., str]:
    """Makes a product with that many pieces in stock and returns its id."""
    from models import catalogue, inventory
    from models.database import transaction

    def make(sku: str, stock: int, price: int = 1999) -> str:
        with transaction() as session:
            made = catalogue.create_product(
                session,
                {"sku": sku, "kind": "clothing", "title": f"The {sku}", "description": "A thing to wear.",
                 "price_amount": price, "currency": "EUR", "category": "Things", "attributes": {}},
            )  # fmt: skip
            if stock:
                inventory.adjust(session, made.id, stock, "opening stock")
            return made.id

    return make


@pytest.fixture
def order(database: None) -> Callable[..., Any]:
    """Fills a customer's cart and checks out; returns the response."""
    keys = iter(range(10_000))

    def place(caller: Any, wants: dict[str, int], method: str = "pm_card_visa", wait: int = 20, **headers: str) -> Any:
        from models import carts
        from models.database import transaction

        with transaction() as session:
            for product_id, quantity in wants.items():
                carts.add(session, caller.user_id, product_id, quantity)
        headers = {"Idempotency-Key": f"key-{next(keys)}", "Prefer": f"wait={wait}", **headers}
        return caller.post("/v1/checkout", json={"address": ADDRESS, "payment": {"method": method}}, headers=headers)

    return place
