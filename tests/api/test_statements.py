"""The number of statements per request of a checkout; each costs a third of a millisecond."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from sqlalchemy import event, text

from models.core.database import engine, single_statements, transaction
from tests.conftest import ADDRESS, Caller
from tests.shopping import make_product


@contextmanager
def ran() -> Iterator[dict[str, int]]:
    """The numbers of statements and commits of this thread within the block; another thread watches the
    queues."""
    count, own = {"statements": 0, "commits": 0}, get_ident()

    def note(what: str) -> Callable[..., None]:
        def noted(*_: Any) -> None:
            count[what] += get_ident() == own

        return noted

    listeners = {"before_cursor_execute": note("statements"), "commit": note("commits")}
    for name, listener in listeners.items():
        event.listen(engine(), name, listener)
    try:
        yield count
    finally:
        for name, listener in listeners.items():
            event.remove(engine(), name, listener)


def test_a_checkout_takes_seven_statements_and_one_commit(customer: Caller) -> None:
    products = [make_product(f"SHIRT-{n}", 10) for n in range(3)]
    for product_id in products:
        with ran() as count:
            customer.post("/v1/cart/items", json={"product_id": product_id, "quantity": 1})
        assert count == {"statements": 3, "commits": 0}  # authentication, the change, the cart
    body = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
    with ran() as count:
        answer = customer.post("/v1/checkout", json=body, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 202
    assert count == {"statements": 7, "commits": 1}
    with ran() as count:
        customer.get(answer.json["links"]["task"])
    assert count == {"statements": 3, "commits": 0}


def test_a_refused_addition_changes_nothing(customer: Caller) -> None:
    product_id = make_product("SHIRT", 3)
    customer.post("/v1/cart/items", json={"product_id": product_id, "quantity": 2})
    carts = text("SELECT * FROM carts.cart JOIN carts.item ON item.cart_id = cart.id")
    with transaction() as session:
        before = session.execute(carts).all()
    for refused in ({"product_id": product_id, "quantity": 2}, {"product_id": "prd_" + 32 * "0", "quantity": 1}):
        assert customer.post("/v1/cart/items", json=refused).status_code in (404, 409)
    with single_statements() as connection:
        assert connection.execute(carts).all() == before
