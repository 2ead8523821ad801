"""Transfers by real workers, and orders whose allocation is moved."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from local.waiting import wait_until
from models import inventory, notifications
from models.core.database import transaction
from tests.models.shelves import available, broken, move, reservations, warehouse
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def request(staff: Any, product_id: str, quantity: int, target: str, **headers: str) -> Any:
    lines = [{"product_id": product_id, "quantity": quantity}]
    return staff.post("/v1/transfers", json={"from": main(), "to": target, "lines": lines}, headers=headers)


def wait(staff: Any, accepted: dict[str, Any], status: str) -> None:
    task = accepted["links"]["task"]
    assert wait_until(lambda: staff.get(task).json["status"] == status, 20, 0.05), staff.get(task).json


def mails(shop: Shop, words: str) -> list[tuple[str, int]]:
    """Recipient and deliveries of the mails with these words in their subject."""
    return [(mail["to"][0], mail["deliveries"]) for mail in shop.mails() if words in mail["subject"]]


def test_a_transfer_waits_for_its_receipt_and_reports_what_is_missing(
    shop: Shop, staff: Any, product: Callable[..., str]
) -> None:
    shirt, annex = product("SHIRT-SENT", 5), warehouse("Annex of missing goods")
    accepted = request(staff, shirt, 3, annex).json
    wait(staff, accepted, "waiting")
    path = accepted["links"]["transfer"]
    assert staff.get(path).json["status"] == "in_transit"
    assert [level["in_transit"] for level in staff.get(f"/v1/products/{shirt}/stock").json["data"]] == [0, 3]
    body = {"lines": [{"product_id": shirt, "quantity": 2}]}
    ended = staff.post(f"{path}/receive", json=body, headers=WAIT)
    assert (ended.status_code, ended.json["status"], ended.json["lines"][0]["received"]) == (200, "received", 2)
    assert staff.get(accepted["links"]["task"]).json["result"] == {
        "transfer_id": ended.json["id"],
        "status": "received",
    }
    assert (available(shirt), broken()) == (4, [])
    assert mails(shop, "missing from a transfer to Annex of missing goods") == [("staff@localhost", 1)]
    with transaction() as session:
        table = notifications.Notification
        text = session.scalars(select(table.text).where(table.kind == "transfer_incomplete")).one()
    assert "1 × " in text, text
    assert "SHIRT-SENT" in text


def test_a_cancelled_transfer_is_put_back(shop: Shop, staff: Any, product: Callable[..., str]) -> None:
    shirt, annex = product("SHIRT-BACK", 5), warehouse("Annex of no use")
    accepted = request(staff, shirt, 3, annex).json
    wait(staff, accepted, "waiting")
    ended = staff.post(f"{accepted['links']['transfer']}/cancel", headers=WAIT)
    assert (ended.status_code, ended.json["status"]) == (200, "cancelled")
    assert (available(shirt), broken()) == (5, [])
    assert mails(shop, "to Annex of no use was cancelled") == [("staff@localhost", 1)]


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_a_worker_kill_does_not_take_goods_in_twice(
    shop: Shop, staff: Any, product: Callable[..., str], point: str
) -> None:
    shirt, annex = product("SHIRT-KILLED", 5), warehouse("Annex of kills")
    accepted = request(staff, shirt, 3, annex).json
    wait(staff, accepted, "waiting")
    shop.armed.write_text(f"{point}@inventory.receive_transfer")
    assert staff.post(f"{accepted['links']['transfer']}/receive", json={}).status_code == 202
    wait(staff, accepted, "succeeded")
    assert shop.struck()
    assert (available(shirt), broken()) == (5, [])


def test_the_last_unit_is_bought_or_transferred(
    shop: Shop, app: Any, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    cap, annex = product("CAP", 1), warehouse("Annex of the last cap")
    with ThreadPoolExecutor(2) as pool:
        bought = pool.submit(order, customer, {cap: 1})
        sent = pool.submit(request, staff, cap, 1, annex)
    order_status, transfer_status = bought.result().status_code, sent.result().status_code
    if transfer_status == 202:
        wait(staff, sent.result().json, "waiting" if order_status == 409 else "cancelled")
    assert (order_status, transfer_status) in {(201, 202), (201, 409), (409, 202)}
    assert broken() == []


def test_staff_move_the_allocation_of_an_order(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt, annex = product("SHIRT-MOVED", 5), warehouse("Annex of orders")
    placed = order(customer, {shirt: 3}).json
    url = f"/v1/orders/{placed['id']}/allocation"
    assert staff.get(url).json["data"] == [{"warehouse_id": main(), "product_id": shirt, "quantity": 3}]
    scarce = staff.post(url, json={"warehouse_id": annex})
    assert (scarce.status_code, scarce.json["code"]) == (409, "insufficient_stock")
    move(shirt, 3, annex)
    two = {"warehouse_id": annex, "lines": [{"product_id": shirt, "quantity": 2}]}
    assert {(part["warehouse_id"], part["quantity"]) for part in staff.post(url, json=two).json["data"]} == {
        (main(), 1), (annex, 2),
    }  # fmt: skip
    first = staff.post(
        f"/v1/orders/{placed['id']}/fulfilments",
        json={"tracking_number": "1Z", "warehouse_id": annex, "lines": [{"product_id": shirt, "quantity": 1}]},
        headers=WAIT,
    )
    assert first.status_code == 200, first.json
    back = {"warehouse_id": main(), "lines": [{"product_id": shirt, "quantity": 2}]}
    packed = staff.post(url, json=back)
    assert (packed.status_code, packed.json["code"]) == (409, "nothing_to_ship")
    assert staff.post(url, json={"warehouse_id": main()}).status_code == 200
    assert reservations(placed["id"]) == {(shirt, main()): (2, "allocated"), (shirt, annex): (1, "shipped")}
    assert (
        staff.post(f"/v1/orders/{placed['id']}/fulfilments", json={"tracking_number": "1Z"}, headers=WAIT).json[
            "warehouse_id"
        ]
        == main()
    )
    assert staff.post(url, json={"warehouse_id": annex}).json["code"] == "wrong_state"
    assert broken() == []
