"""Creates orders in bulk, ready for their checkout workflow."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import carts, catalogue, inventory, orders, payments
from models.accounts.tables import User
from models.core.database import transaction

PRODUCTS, CUSTOMERS = 200, 300
PRICE = 1999  # minor units
LINES = 2


@dataclass(frozen=True)
class Placed:
    """An order that is ready for its checkout."""

    order_id: str
    user_id: str
    payment_id: str
    products: list[str]

    @property
    def input(self) -> dict[str, Any]:
        quantities = dict.fromkeys(self.products, 1)
        about = {"order_id": self.order_id, "user_id": self.user_id, "payment_id": self.payment_id}
        return {**about, "quantities": quantities}


class Supply:
    """A catalogue with enough stock, and customers. `mail_domain`: `@…`, the domain of their mail addresses."""

    def __init__(self, mail_domain: str, seed: int) -> None:
        self.choose = random.Random(seed)  # noqa: S311, for picking products
        self.products = _products(seed)
        self.users = [new_id("usr") for _ in range(CUSTOMERS)]
        people = [
            User(id=user, username=f"c{seed}-{n}", email=f"c{seed}-{n}{mail_domain}", password_hash="none",  # noqa: S106
                 first_name="Ada", last_name="Benchmark", email_confirmed_at=datetime.now(UTC))
            for n, user in enumerate(self.users)
        ]  # fmt: skip
        self.carts = {user: new_id("crt") for user in self.users}
        with transaction() as session:
            session.add_all(people)
            session.flush()
            session.execute(insert(carts.Cart), [{"id": cart, "user_id": user} for user, cart in self.carts.items()])

    def place(self, count: int, method: str) -> list[Placed]:
        """Creates orders of two lines, with their payments, and the same two lines in the customers' carts."""
        placed = [
            Placed(new_id("ord"), self.users[n % CUSTOMERS], new_id("pay"), self.choose.sample(self.products, LINES))
            for n in range(count)
        ]
        with transaction() as session:
            self._write(session, placed, method)
        return placed

    def _write(self, session: Session, placed: list[Placed], method: str) -> None:
        total = PRICE * LINES
        session.execute(insert(orders.Order), [
            {"id": one.order_id, "user_id": one.user_id, "total": total, "currency": "EUR", "address": {"line1": "1"}}
            for one in placed
        ])  # fmt: skip
        session.execute(insert(orders.Line), [
            {"order_id": one.order_id, "product_id": product, "sku": product[-12:], "title": "A thing", "quantity": 1,
             "unit_price": PRICE} for one in placed for product in one.products
        ])  # fmt: skip
        session.execute(insert(payments.Payment), [
            {"id": one.payment_id, "order_id": one.order_id, "amount": total, "currency": "EUR", "method": method}
            for one in placed
        ])  # fmt: skip
        wanted = [
            {"cart_id": self.carts[one.user_id], "product_id": product, "quantity": 1}
            for one in placed for product in one.products
        ]  # fmt: skip
        session.connection().execute(upsert(carts.Item).on_conflict_do_nothing(), wanted)


def _products(seed: int) -> list[str]:
    with transaction() as session:
        made = catalogue.create_product(
            session,
            {"sku": f"BENCH-{seed}", "kind": "book", "title": "A thing", "description": "", "price_amount": PRICE,
             "currency": "EUR", "category": "Things", "attributes": {}},
        )  # fmt: skip
        session.flush()
        found = [new_id("prd") for _ in range(PRODUCTS)]
        session.execute(insert(catalogue.Product), [
            {"id": product, "sku": f"BENCH-{seed}-{n}", "kind": "book", "title": "A thing", "description": "",
             "price_amount": PRICE, "currency": "EUR", "category_id": made.category_id}
            for n, product in enumerate(found)
        ])  # fmt: skip
        inventory.open_stock(session, [inventory.Opening(product, 10**6) for product in found])
        return found
