"""Restocking over the REST API: alerts, purchase orders and deliveries, without workers."""

from typing import Any

import pytest

from models import inventory
from models.core.database import transaction
from tests.conftest import Caller
from tests.models.shelves import product, reserve, warehouse

UNKNOWN = "wh_" + 32 * "0"


def order(staff: Caller, *lines: tuple[str, int], key: str | None = None, **more: Any) -> Any:
    body = {"lines": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines], **more}
    return staff.post("/v1/restocks", json=body, headers={"Idempotency-Key": key} if key else {})


def receive(staff: Caller, order_id: str, *lines: tuple[str, int], key: str | None = None) -> Any:
    body = {"lines": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines]}
    headers = {"Idempotency-Key": key} if key else {}
    return staff.post(f"/v1/purchase-orders/{order_id}/receive", json=body, headers=headers)


def test_a_restock_creates_a_purchase_order_and_a_task(staff: Caller) -> None:
    book, hat = product("BOOK"), product("HAT")
    made = order(staff, (book, 10), (hat, 2))
    assert made.status_code == 202, made.json
    task, purchase = made.json["links"]["task"], made.json["links"]["purchase_order"]
    assert made.headers["Location"] == task
    assert staff.get(task).json["workflow"] == "restock"
    shown = staff.get(purchase)
    assert shown.status_code == 200
    assert shown.headers["ETag"]
    assert (shown.json["id"], shown.json["status"]) == (made.json["purchase_order_id"], "ordered")
    assert [(line["sku"], line["quantity"], line["received"]) for line in shown.json["lines"]] == [
        ("BOOK", 10, 0), ("HAT", 2, 0),
    ]  # fmt: skip
    with transaction() as session:
        assert shown.json["warehouse_id"] == inventory.get_default_warehouse(session).id


def test_a_repeated_restock_is_applied_once(staff: Caller) -> None:
    book = product("BOOK")
    first, second = order(staff, (book, 10), key="k"), order(staff, (book, 10), key="k")
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.json == second.json
    assert len(staff.get("/v1/purchase-orders").json["data"]) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"), ({"lines": None}, "lines"), ({"warehouse_id": "x"}, "warehouse_id"),
        ({"why": 1}, "why"), ({"lines": [{"product_id": "prd_" + 32 * "0", "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{"product_id": "prd_" + 32 * "0", "quantity": 1}] * 2}, "lines"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(staff: Caller, change: dict[str, Any], field: str) -> None:
    refused = order(staff, ("prd_" + 32 * "0", 1), **change)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


def test_a_restock_of_an_unknown_product_or_warehouse_is_refused(staff: Caller) -> None:
    book, unknown = product("BOOK"), "prd_" + 32 * "0"
    refused = order(staff, (book, 1), (unknown, 1))
    assert (refused.status_code, refused.json["products"]) == (404, [unknown])
    assert order(staff, (book, 1), warehouse_id=UNKNOWN).status_code == 404
    assert staff.get("/v1/purchase-orders").json["data"] == []


def test_a_delivery_is_accepted_once_per_key(staff: Caller) -> None:
    book = product("BOOK")
    made = order(staff, (book, 10)).json
    for _ in range(2):
        accepted = receive(staff, made["purchase_order_id"], (book, 6), key="first truck")
        assert (accepted.status_code, accepted.json["task_id"]) == (202, made["task_id"])
    [line] = staff.get(made["links"]["purchase_order"]).json["lines"]
    assert (line["quantity"], line["delivered"]) == (10, 6)
    refused = receive(staff, made["purchase_order_id"], (book, 6), key="second truck")
    assert (refused.status_code, refused.json["code"]) == (409, "more_than_ordered")
    assert refused.json["lines"] == [{"product_id": book, "outstanding": 4}]


def test_a_delivery_beyond_the_capacity_changes_nothing(staff: Caller) -> None:
    book, small = product("BOOK"), warehouse("Small", book=5)
    made = order(staff, (book, 10), warehouse_id=small).json
    refused = receive(staff, made["purchase_order_id"], (book, 6))
    assert (refused.status_code, refused.json["code"], refused.json["remaining"]) == (409, "capacity_exceeded", 5)
    [line] = staff.get(made["links"]["purchase_order"]).json["lines"]
    assert line["delivered"] == 0


def test_a_purchase_order_is_cancelled_once(staff: Caller) -> None:
    book = product("BOOK")
    made = order(staff, (book, 10)).json
    path = f"/v1/purchase-orders/{made['purchase_order_id']}"
    assert staff.post(f"{path}/cancel").status_code == 202
    assert (staff.get(path).json["status"], staff.get(path).json["closed_at"] is None) == ("cancelled", False)
    for refused in (staff.post(f"{path}/cancel"), receive(staff, made["purchase_order_id"], (book, 1))):
        assert (refused.status_code, refused.json["code"]) == (409, "wrong_state")
        assert (refused.json["current"], refused.json["possible"]) == ("cancelled", [])


def test_purchase_orders_are_listed_newest_first_and_paged(staff: Caller) -> None:
    book, annex = product("BOOK"), warehouse("Annex")
    made = [order(staff, (book, n)).json["purchase_order_id"] for n in (1, 2, 3)]
    elsewhere = order(staff, (book, 4), warehouse_id=annex).json["purchase_order_id"]
    first = staff.get("/v1/purchase-orders?limit=3").json
    rest = staff.get(f"/v1/purchase-orders?limit=3&cursor={first['next_cursor']}").json
    assert [one["id"] for one in first["data"] + rest["data"]] == [elsewhere, *reversed(made)]
    staff.post(f"/v1/purchase-orders/{made[0]}/cancel")
    for query, found in ((f"warehouse_id={annex}", [elsewhere]), ("status=cancelled", [made[0]])):
        assert [one["id"] for one in staff.get(f"/v1/purchase-orders?{query}").json["data"]] == found


def test_alerts_list_low_stock_with_the_quantity_on_order(staff: Caller) -> None:
    book, hat = product("BOOK", 10), product("HAT", 10)
    for product_id in (book, hat):
        staff.open("PUT", "/v1/stock/thresholds", json={"product_id": product_id, "reorder_point": 4})
    assert staff.get("/v1/stock/alerts").json["data"] == []
    reserve({book: 7})
    reserve({hat: 6})
    order(staff, (book, 25))
    alerts = staff.get("/v1/stock/alerts").json["data"]
    assert [(one["sku"], one["available"], one["reorder_point"], one["on_order"]) for one in alerts] == [
        ("HAT", 4, 4, 0), ("BOOK", 3, 4, 25),
    ]  # fmt: skip
    assert all(one["low_since"].endswith("Z") for one in alerts)
    page = staff.get("/v1/stock/alerts?limit=1").json
    rest = staff.get(f"/v1/stock/alerts?limit=1&cursor={page['next_cursor']}").json
    assert [one["sku"] for one in page["data"] + rest["data"]] == ["HAT", "BOOK"]


def test_purchasing_requires_permissions(customer: Caller, staff: Caller) -> None:
    book = product("BOOK")
    made = order(staff, (book, 10)).json["purchase_order_id"]
    answers = [
        customer.get("/v1/stock/alerts"), customer.get("/v1/purchase-orders"),
        customer.get(f"/v1/purchase-orders/{made}"), order(customer, (book, 1)), receive(customer, made, (book, 1)),
        customer.post(f"/v1/purchase-orders/{made}/cancel"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {403}
