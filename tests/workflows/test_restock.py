"""Restocking from low stock to the delivery, with real workers."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from local.waiting import wait_until
from models import inventory, notifications
from models.core.database import transaction
from tests.shop import Shop


def _on_hand(product_id: str) -> int:
    with transaction() as session:
        return session.scalars(
            select(func.sum(inventory.Stock.on_hand)).where(inventory.Stock.product_id == product_id)
        ).one()


def _moved(reference: str) -> list[int]:
    with transaction() as session:
        moved = select(inventory.Movement.quantity).where(inventory.Movement.reference == reference)
        return list(session.scalars(moved.order_by(inventory.Movement.id)))


def _restock(staff: Any, lines: dict[str, int]) -> dict[str, Any]:
    body = {"lines": [{"product_id": product_id, "quantity": n} for product_id, n in lines.items()]}
    made = staff.post("/v1/restocks", json=body)
    assert made.status_code == 202, made.json
    accepted: dict[str, Any] = made.json
    _wait(staff, accepted, "waiting")
    return accepted


def _receive(staff: Any, accepted: dict[str, Any], lines: dict[str, int], key: str = "") -> Any:
    body = {"lines": [{"product_id": product_id, "quantity": n} for product_id, n in lines.items()]}
    headers = {"Idempotency-Key": key} if key else {}
    return staff.post(f"{accepted['links']['purchase_order']}/receive", json=body, headers=headers)


def _wait(staff: Any, accepted: dict[str, Any], status: str) -> None:
    assert wait_until(lambda: staff.get(accepted["links"]["task"]).json["status"] == status, 20, 0.05), staff.get(
        accepted["links"]["task"]
    ).json


def _mails(shop: Shop, *words: str) -> list[tuple[str, int]]:
    """Recipient and deliveries of the mails with these words in their subject."""
    found = [mail for mail in shop.mails() if all(word in mail["subject"] for word in words)]
    return [(mail["to"][0], mail["deliveries"]) for mail in found]


def test_low_stock_after_a_sale_orders_goods_and_notifies_staff(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT-LOW", 10)
    threshold = {"product_id": shirt, "reorder_point": 8, "reorder_quantity": 30}
    assert staff.open("PUT", "/v1/stock/thresholds", json=threshold).status_code == 200
    for quantity in (2, 1):
        assert order(customer, {shirt: quantity}).status_code == 201
    assert wait_until(lambda: _mails(shop, "Low stock", "SHIRT-LOW") != [], 20, 0.05)
    assert wait_until(lambda: staff.get("/v1/purchase-orders").json["data"] != [], 20, 0.05)
    [bought] = staff.get("/v1/purchase-orders").json["data"]
    assert [(line["sku"], line["quantity"]) for line in bought["lines"]] == [("SHIRT-LOW", 30)]
    assert wait_until(lambda: _mails(shop, "Purchase order", bought["number"]) != [], 20, 0.05)
    assert _mails(shop, "Purchase order", bought["number"]) == [("supplier@localhost", 1)]
    accepted = {"links": {"task": f"/v1/tasks/{bought['task_id']}", "purchase_order": _path(bought)}}
    _wait(staff, accepted, "waiting")
    assert _receive(staff, accepted, {shirt: 30}).status_code == 202
    _wait(staff, accepted, "succeeded")
    assert _on_hand(shirt) == 40
    assert staff.get("/v1/stock/alerts").json["data"] == []
    with transaction() as session:
        kinds = session.execute(
            select(notifications.Notification.kind, func.count()).group_by(notifications.Notification.kind)
        )
        counted = dict(kinds.all())
    assert {kind: counted[kind] for kind in ("stock_low", "goods_ordered", "goods_received")} == {
        "stock_low": 1, "goods_ordered": 1, "goods_received": 1,
    }  # fmt: skip
    [mail] = [mail for mail in shop.mails() if "SHIRT-LOW" in mail["subject"]]
    assert mail["to"] == ["staff@localhost"]


def _path(bought: dict[str, Any]) -> str:
    return f"/v1/purchase-orders/{bought['id']}"


def test_a_restock_waits_for_the_last_delivery(shop: Shop, staff: Any, product: Callable[..., str]) -> None:
    shirt, hat = product("SHIRT", 0), product("HAT", 1)
    accepted = _restock(staff, {shirt: 5, hat: 7})
    path = accepted["links"]["purchase_order"]
    assert _receive(staff, accepted, {shirt: 2}).status_code == 202
    assert wait_until(lambda: staff.get(path).json["status"] == "partly_received", 20, 0.05)
    _wait(staff, accepted, "waiting")
    assert (_on_hand(shirt), _on_hand(hat)) == (2, 1)
    assert _receive(staff, accepted, {shirt: 3, hat: 7}).status_code == 202
    _wait(staff, accepted, "succeeded")
    ended = staff.get(path).json
    assert (ended["status"], [line["received"] for line in ended["lines"]]) == ("received", [7, 5])
    assert sorted(_moved(ended["id"])) == [2, 3, 7]
    assert staff.get(accepted["links"]["task"]).json["result"] == {
        "purchase_order_id": ended["id"], "status": "received",
    }  # fmt: skip
    with transaction() as session:
        moved = select(inventory.Movement.actor).where(inventory.Movement.reference == ended["id"])
        assert set(session.scalars(moved)) == {staff.user_id}
    assert sorted(_mails(shop, f"Purchase order {ended['number']}")) == [
        ("staff@localhost", 1), ("supplier@localhost", 1),
    ]  # fmt: skip


def test_a_delivery_sent_twice_is_booked_once(shop: Shop, staff: Any, product: Callable[..., str]) -> None:
    shirt = product("SHIRT", 0)
    accepted = _restock(staff, {shirt: 6})
    answers = [_receive(staff, accepted, {shirt: 3}, key="truck") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert wait_until(lambda: _on_hand(shirt) == 3, 20, 0.05)
    _wait(staff, accepted, "waiting")
    assert _moved(accepted["purchase_order_id"]) == [3]


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_a_worker_kill_does_not_book_a_delivery_twice(
    shop: Shop, staff: Any, product: Callable[..., str], point: str
) -> None:
    shirt = product("SHIRT", 0)
    accepted = _restock(staff, {shirt: 4})
    shop.armed.write_text(f"{point}@inventory.receive_goods")
    assert _receive(staff, accepted, {shirt: 4}).status_code == 202
    _wait(staff, accepted, "succeeded")
    assert shop.struck()
    assert (_on_hand(shirt), _moved(accepted["purchase_order_id"])) == (4, [4])
    number = staff.get(accepted["links"]["purchase_order"]).json["number"]
    assert _mails(shop, f"Purchase order {number} is received") == [("staff@localhost", 1)]


def test_a_cancelled_purchase_order_ends_its_run_and_notifies_the_supplier(
    shop: Shop, staff: Any, product: Callable[..., str]
) -> None:
    shirt = product("SHIRT", 0)
    accepted = _restock(staff, {shirt: 4})
    assert _receive(staff, accepted, {shirt: 1}).status_code == 202
    assert staff.post(f"{accepted['links']['purchase_order']}/cancel").status_code == 202
    _wait(staff, accepted, "succeeded")
    ended = staff.get(accepted["links"]["purchase_order"]).json
    assert (ended["status"], ended["lines"][0]["received"], _on_hand(shirt)) == ("cancelled", 1, 1)
    assert sorted(_mails(shop, f"Purchase order {ended['number']} is cancelled")) == [
        ("staff@localhost", 1), ("supplier@localhost", 1),
    ]  # fmt: skip
