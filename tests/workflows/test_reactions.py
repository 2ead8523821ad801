"""What inventory does at events of orders, by real workers."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

import durable
from durable.tables import RunRecord
from local.waiting import wait_until
from models import inventory
from models.core.database import transaction
from models.inventory.tables import Waiting
from tests.models.shelves import broken, reserve
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}
CHECK = "back_in_stock_check"


def mails(shop: Shop, to: str) -> list[tuple[str, int]]:
    """Subject and deliveries of the mails to an address."""
    return [(mail["subject"], mail["deliveries"]) for mail in shop.mails() if mail["to"] == [f"{to}@example.org"]]


def checks() -> dict[str, str]:
    """Order id → status of the check that the events of this order have started."""
    order_id = RunRecord.input["order_id"].astext
    with transaction() as session:
        query = select(order_id, RunRecord.status).where(RunRecord.workflow == CHECK, order_id.is_not(None))
        return dict(session.execute(query).all())


@pytest.mark.parametrize("cancelled", ["order", "piece"])
def test_a_cancelled_order_brings_its_goods_to_those_who_wait(
    shop: Shop, customer: Any, sign_in: Callable[..., Any], product: Callable[..., str], order: Callable[..., Any],
    cancelled: str,
) -> None:  # fmt: skip
    mug, lamp = product("MUG", 2), product("LAMP", 0)
    placed = order(customer, {mug: 2}).json
    waiter = sign_in(f"waiter-{cancelled}")
    for wanted in (mug, lamp):
        assert waiter.post(f"/v1/products/{wanted}/back-in-stock").status_code == 204
    body = {} if cancelled == "order" else {"lines": [{"product_id": mug, "quantity": 1}]}
    assert customer.post(f"/v1/orders/{placed['id']}/cancel", json=body, headers=WAIT).status_code == 200
    assert wait_until(lambda: bool(mails(shop, f"waiter-{cancelled}")), 20, 0.1), checks()
    assert wait_until(lambda: checks()[placed["id"]] == "succeeded", 20, 0.1)
    assert mails(shop, f"waiter-{cancelled}") == [("The MUG is available again", 1)]
    with transaction() as session:
        left = session.scalars(select(func.count()).select_from(Waiting)).one()
    assert (left, broken()) == (1, [])  # the lamp is not available


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_a_killed_worker_loses_no_reaction_and_repeats_none(
    shop: Shop, customer: Any, sign_in: Callable[..., Any], product: Callable[..., str], order: Callable[..., Any],
    point: str,
) -> None:  # fmt: skip
    cup = product("CUP", 1)
    placed, waiter = order(customer, {cup: 1}).json, sign_in(f"waiter-{point}")
    assert waiter.post(f"/v1/products/{cup}/back-in-stock").status_code == 204
    shop.armed.write_text(f"{point}@inventory.notify_waiting")
    assert customer.post(f"/v1/orders/{placed['id']}/cancel", json={}).status_code == 202
    assert wait_until(lambda: bool(mails(shop, f"waiter-{point}")), 30, 0.1), checks()
    assert shop.struck()
    assert mails(shop, f"waiter-{point}") == [("The CUP is available again", 1)]


def test_the_check_waits_until_the_stock_of_the_order_is_released(
    shop: Shop, sign_in: Callable[..., Any], product: Callable[..., str]
) -> None:
    jar, waiter = product("JAR", 1), sign_in("waiter-early")
    order_id = reserve({jar: 1})
    assert waiter.post(f"/v1/products/{jar}/back-in-stock").status_code == 204
    with transaction() as session:
        durable.start(session, CHECK, key="early", input={"order_id": order_id, "user_id": waiter.user_id})
    assert wait_until(lambda: checks()[order_id] == "waiting", 20, 0.05)
    assert mails(shop, "waiter-early") == []
    with transaction() as session:
        assert inventory.release(session, order_id) == 1
    assert wait_until(lambda: bool(mails(shop, "waiter-early")), 20, 0.1), checks()
