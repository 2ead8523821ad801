"""Warehouses and stock over the REST API."""

from collections.abc import Callable
from typing import Any

import pytest

from durable.ids import new_id
from models import catalogue, inventory
from models.core.database import transaction
from tests.conftest import Caller

UNKNOWN = "wh_" + 32 * "0"


@pytest.fixture
def product() -> Callable[..., str]:
    def make(sku: str, kind: str = "book") -> str:
        fields = {"sku": sku, "kind": kind, "title": sku, "price_amount": 1, "currency": "EUR", "category": "All"}
        with transaction() as session:
            return catalogue.create_product(session, fields).id

    return make


def adjust(staff: Caller, product_id: str, quantity: int, **more: Any) -> Any:
    body = {"product_id": product_id, "quantity": quantity, "reason": "count", **more}
    return staff.post("/v1/stock/adjustments", json=body)


def reserve(product_id: str, quantity: int) -> None:
    with transaction() as session:
        inventory.reserve(session, new_id("ord"), {product_id: quantity})


def default_warehouse() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def test_an_adjustment_creates_a_movement_and_changes_the_level(staff: Caller, product: Callable[..., str]) -> None:
    book = product("BOOK")
    made = adjust(staff, book, 5, reference="note 1")
    assert made.status_code == 201, made.json
    assert {**made.json, "id": "", "created_at": ""} == {
        "id": "", "created_at": "", "product_id": book, "warehouse_id": default_warehouse(), "quantity": 5,
        "reason": "count", "reference": "note 1", "actor": staff.user_id,
        "on_hand": 5, "reserved": 0, "available": 5,
    }  # fmt: skip
    adjust(staff, book, -2)
    moved = staff.get(f"/v1/stock/movements?product_id={book}").json["data"]
    assert [movement["quantity"] for movement in moved] == [-2, 5]
    levels = staff.get("/v1/stock").json["data"]
    assert [(level["sku"], level["on_hand"], level["available"]) for level in levels] == [("BOOK", 3, 3)]


def test_impossible_adjustments_are_conflicts(staff: Caller, product: Callable[..., str]) -> None:
    book = product("BOOK")
    adjust(staff, book, 5)
    reserve(book, 3)
    for quantity, code, extra in ((-6, "insufficient_stock", 2), (-3, "below_reserved", 2)):
        refused = adjust(staff, book, quantity)
        assert (refused.status_code, refused.json["code"], refused.json["available"]) == (409, code, extra)
    assert adjust(staff, book, -2).json["on_hand"] == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 0}, "quantity"), ({"quantity": 1.5}, "quantity"), ({"quantity": 10**30}, "quantity"),
        ({"quantity": None}, "quantity"), ({"reason": ""}, "reason"), ({"product_id": "x"}, "product_id"),
        ({"warehouse_id": None}, "warehouse_id"), ({"why": "x"}, "why"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(
    staff: Caller, product: Callable[..., str], change: dict[str, Any], field: str
) -> None:
    body = {"product_id": product("BOOK"), "quantity": 1, "reason": "count", **change}
    refused = staff.post("/v1/stock/adjustments", json=body)
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == [field]


def test_a_repeated_adjustment_is_applied_once(staff: Caller, product: Callable[..., str]) -> None:
    body = {"product_id": product("BOOK"), "quantity": 4, "reason": "delivery"}
    answers = [staff.post("/v1/stock/adjustments", json=body, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert staff.get("/v1/stock").json["data"][0]["on_hand"] == 4


def test_stock_endpoints_require_permissions(customer: Caller, client: Any, sign_in: Callable[..., Caller]) -> None:
    clerk = sign_in("clerk", "staff")  # may read stock but not change it
    warehouse = f"/v1/warehouses/{default_warehouse()}"
    for method, path, clerks in (
        ("GET", "/v1/stock", 200), ("GET", "/v1/stock/movements", 200), ("GET", "/v1/warehouses", 200),
        ("GET", warehouse, 200), ("POST", f"{warehouse}/capacity-check", 422), ("POST", "/v1/stock/adjustments", 403),
        ("PUT", "/v1/stock/thresholds", 403), ("POST", "/v1/warehouses", 403), ("PATCH", warehouse, 403),
    ):  # fmt: skip
        body: dict[str, object] | None = None if method == "GET" else {}
        assert client.open(path, method=method, json=body).status_code == 401, path
        assert customer.open(method, path, json=body).status_code == 403, path
        assert clerk.open(method, path, json=body).status_code == clerks, path


def test_a_warehouse_is_created_filled_and_changed(staff: Caller, product: Callable[..., str]) -> None:
    body = {"name": "Harbour", "address": {"city": "Rotterdam", "country": "NL"}, "capacity": {"book": 10}}
    made = staff.post("/v1/warehouses", json=body)
    assert made.status_code == 201, made.json
    assert made.json["capacity"] == {"book": 10, "clothing": None, "electronics": None}
    assert (made.json["status"], made.json["is_default"]) == ("active", False)
    path, book = f"/v1/warehouses/{made.json['id']}", product("BOOK")
    adjust(staff, book, 6, warehouse_id=made.json["id"])
    reserve(book, 1)
    shown = staff.get(path).json
    assert shown["levels"]["book"] == {"on_hand": 6, "reserved": 1, "available": 5}
    assert shown["remaining"] == {"book": 4, "clothing": None, "electronics": None}
    for quantity, fits in ((4, True), (5, False)):
        asked = staff.post(f"{path}/capacity-check", json={"product_id": book, "quantity": quantity})
        assert asked.json == {"fits": fits, "remaining": 4}
    full = adjust(staff, book, 5, warehouse_id=made.json["id"])
    assert (full.status_code, full.json["code"], full.json["remaining"]) == (409, "capacity_exceeded", 4)
    changed = staff.patch(path, json={"status": "closed", "capacity": {"clothing": 5}, "address": {"city": "Delft"}})
    assert changed.json["capacity"] == {"book": 10, "clothing": 5, "electronics": None}
    assert (changed.json["status"], changed.json["address"]) == ("closed", {"city": "Delft"})
    assert adjust(staff, book, 1, warehouse_id=made.json["id"]).json["code"] == "warehouse_closed"
    assert len(staff.get("/v1/warehouses").json["data"]) == 2


def test_invalid_changes_of_warehouses_are_refused(staff: Caller, product: Callable[..., str]) -> None:
    book = product("BOOK")
    default = f"/v1/warehouses/{default_warehouse()}"
    taken = staff.post("/v1/warehouses", json={"name": staff.get(default).json["name"]})
    assert (taken.status_code, taken.json["code"]) == (409, "name_taken")
    closed = staff.patch(default, json={"status": "closed"})
    assert (closed.status_code, closed.json["code"]) == (409, "default_warehouse")
    assert staff.get(f"/v1/warehouses/{UNKNOWN}").status_code == 404
    assert adjust(staff, book, 1, warehouse_id=UNKNOWN).status_code == 404
    for wrong, field in (({"capacity": {"book": -1}}, "capacity.book"), ({"status": "burnt"}, "status")):
        assert list(staff.patch(default, json=wrong).json["errors"]) == [field]


def test_a_stale_change_of_a_warehouse_is_refused(staff: Caller) -> None:
    path = f"/v1/warehouses/{default_warehouse()}"
    etag = staff.get(path).headers["ETag"]
    assert staff.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert staff.patch(path, json={"name": "One"}, headers={"If-Match": etag}).status_code == 200
    assert staff.patch(path, json={"name": "Two"}, headers={"If-Match": etag}).status_code == 412
    assert staff.get(path).json["name"] == "One"


def test_levels_at_their_threshold_are_listed_as_low(staff: Caller, product: Callable[..., str]) -> None:
    low, fine = product("LOW"), product("FINE")
    for each in (low, fine):
        adjust(staff, each, 5)
    body = {"product_id": low, "reorder_point": 5, "reorder_quantity": 20}
    level = staff.open("PUT", "/v1/stock/thresholds", json=body)
    assert level.status_code == 200, level.json
    assert (level.json["reorder_point"], level.json["reorder_quantity"], level.json["on_hand"]) == (5, 20, 5)
    staff.open("PUT", "/v1/stock/thresholds", json=body | {"product_id": fine, "reorder_point": 4})
    assert [each["sku"] for each in staff.get("/v1/stock?low=true").json["data"]] == ["LOW"]
    assert len(staff.get("/v1/stock").json["data"]) == 2
    assert [each["sku"] for each in staff.get(f"/v1/stock?product_id={fine}").json["data"]] == ["FINE"]
    assert staff.get(f"/v1/stock?warehouse_id={UNKNOWN}").json["data"] == []


def test_levels_are_paged(staff: Caller, product: Callable[..., str]) -> None:
    for number in range(5):
        adjust(staff, product(f"BOOK-{number}"), 1)
    first = staff.get("/v1/stock?limit=3").json
    second = staff.get(f"/v1/stock?limit=3&cursor={first['next_cursor']}").json
    assert [each["sku"] for each in first["data"] + second["data"]] == [f"BOOK-{number}" for number in range(5)]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
