"""Transfers, the stock of a product, and allocations over the REST API, without workers."""

from typing import Any

import pytest

from models import inventory
from models.core.database import transaction
from tests.conftest import Caller
from tests.models.shelves import move, product, reserve, warehouse

UNKNOWN = "wh_" + 32 * "0"


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def transfer(staff: Caller, target: str, *lines: tuple[str, int], key: str | None = None, **more: Any) -> Any:
    goods = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines]
    headers = {"Idempotency-Key": key} if key else {}
    return staff.post("/v1/transfers", json={"from": main(), "to": target, "lines": goods, **more}, headers=headers)


def send(transfer_id: str) -> None:
    with transaction() as session:
        inventory.send_transfer(session, transfer_id)


def test_a_transfer_is_requested_once_and_shown(staff: Caller) -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    made, again = (transfer(staff, annex, (book, 4), key="k") for _ in range(2))
    assert (made.status_code, again.headers["Idempotent-Replayed"]) == (202, "true"), made.json
    assert staff.get(made.json["links"]["task"]).json["workflow"] == "transfer"
    shown = staff.get(made.json["links"]["transfer"]).json
    assert (shown["from"], shown["to"], shown["status"], shown["task_id"]) == (
        main(), annex, "requested", made.json["task_id"],
    )  # fmt: skip
    assert shown["lines"] == [
        {"product_id": book, "sku": "BOOK", "title": "BOOK", "quantity": 4, "received": None}
    ]  # fmt: skip
    for query, count in (
        ("", 1),
        (f"?warehouse_id={annex}", 1),
        (f"?warehouse_id={UNKNOWN}", 0),
        ("?status=received", 0),
    ):
        assert len(staff.get(f"/v1/transfers{query}").json["data"]) == count


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"), ({"from": "x"}, "from"), ({"to": None}, "to"), ({"why": 1}, "why"),
        ({"lines": [{"product_id": "prd_" + 32 * "0", "quantity": 0}]}, "lines.0.quantity"),
        ({"from": UNKNOWN, "to": UNKNOWN}, "to"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(staff: Caller, change: dict[str, Any], field: str) -> None:
    refused = transfer(staff, UNKNOWN, ("prd_" + 32 * "0", 1), **change)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


def test_a_transfer_that_is_not_possible_is_refused(staff: Caller) -> None:
    book, small = product("BOOK", 10), warehouse("Small", book=5)
    reserve({book: 7})
    assert transfer(staff, UNKNOWN, (book, 1)).status_code == 404
    scarce = transfer(staff, small, (book, 4))
    assert (scarce.status_code, scarce.json["code"]) == (409, "insufficient_stock")
    assert scarce.json["lines"] == [{"product_id": book, "requested": 4, "available": 3}]
    full = transfer(staff, small, (book, 6))
    assert (full.status_code, full.json["code"], full.json["remaining"]) == (409, "capacity_exceeded", 5)
    assert staff.get("/v1/transfers").json["data"] == []


def test_a_receipt_is_recorded_once(staff: Caller) -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    made = transfer(staff, annex, (book, 4)).json
    path = made["links"]["transfer"]
    early = staff.post(f"{path}/receive", json={})
    assert (early.status_code, early.json["current"]) == (409, "requested")
    send(made["transfer_id"])
    arrived = {"lines": [{"product_id": book, "quantity": 5}]}
    beyond = staff.post(f"{path}/receive", json=arrived)
    assert (beyond.json["code"], beyond.json["lines"]) == ("more_than_sent", [{"product_id": book, "sent": 4}])
    twice = [{"product_id": book, "quantity": 1}] * 2
    assert staff.post(f"{path}/receive", json={"lines": twice}).status_code == 422
    received = staff.post(f"{path}/receive", json={"lines": [{"product_id": book, "quantity": 0}]})
    assert (received.status_code, received.json["task_id"]) == (202, made["task_id"])
    for late in (staff.post(f"{path}/receive", json=arrived), staff.post(f"{path}/cancel")):
        assert (late.status_code, late.json["code"]) == (409, "wrong_state")
    assert staff.get(path).json["lines"][0]["received"] == 0


def test_the_stock_of_a_product_is_shown_by_warehouse(staff: Caller) -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    warehouse("Empty")
    reserve({book: 3})
    send(transfer(staff, annex, (book, 2)).json["transfer_id"])
    shown = staff.get(f"/v1/products/{book}/stock").json
    assert shown["product_id"] == book
    figures = ("warehouse_id", "name", "on_hand", "reserved", "available", "in_transit", "backordered")
    assert [tuple(level[name] for name in figures) for level in shown["data"]] == [
        (main(), "Main warehouse", 8, 3, 5, 0, 0), (annex, "Annex", 0, 0, 0, 2, 0),
    ]  # fmt: skip
    assert staff.get("/v1/products/prd_" + 32 * "0" + "/stock").status_code == 404


def test_transfers_require_permissions(customer: Caller, staff: Caller) -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    path = transfer(staff, annex, (book, 4)).json["links"]["transfer"]
    move(book, 1, annex)
    answers = [
        transfer(customer, annex, (book, 1)), customer.get("/v1/transfers"), customer.get(path),
        customer.post(f"{path}/receive", json={}), customer.post(f"{path}/cancel"),
        customer.get(f"/v1/products/{book}/stock"), customer.get("/v1/orders/ord_" + 32 * "0" + "/allocation"),
        customer.post("/v1/orders/ord_" + 32 * "0" + "/allocation", json={"warehouse_id": annex}),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {403}
