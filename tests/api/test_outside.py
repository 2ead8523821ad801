"""Reservations for orders of other systems over the REST API, without workers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models import catalogue, inventory
from models.core.database import transaction
from settings import settings
from tests.conftest import Caller
from tests.models.shelves import available, broken, product

UNKNOWN = "prd_" + 32 * "0"


def hold(caller: Any, reference: str, *lines: tuple[str, int], key: str | None = None) -> Any:
    goods = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines]
    headers = {"Idempotency-Key": key} if key else {}
    return caller.post("/v1/reservations", json={"reference": reference, "lines": goods}, headers=headers)


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def test_goods_are_held_once_for_a_reference(staff: Caller) -> None:
    book = product("BOOK", 10)
    made, again = (hold(staff, "market-1", (book, 4), key="k") for _ in range(2))
    assert (made.status_code, again.headers["Idempotent-Replayed"], again.json) == (201, "true", made.json)
    assert made.json["lines"] == [
        {"product_id": book, "sku": "BOOK", "title": "BOOK", "warehouse_id": main(), "quantity": 4}
    ]
    assert (made.json["status"], made.json["reference"], available(book)) == ("held", "market-1", 6)
    assert made.headers["Location"] == f"/v1/reservations/{made.json['id']}"
    assert staff.get(made.headers["Location"]).json == made.json
    task = staff.get(f"/v1/tasks/{made.json['task_id']}").json
    assert (task["workflow"], task["links"]["reservation"]) == ("outside_reservation", made.headers["Location"])
    twice = hold(staff, "market-1", (book, 1), key="another")
    assert (twice.status_code, twice.json["code"], twice.json["reservation_id"]) == (
        409, "already_reserved", made.json["id"],
    )  # fmt: skip
    assert available(book) == 6


def test_a_double_send_holds_once(staff: Caller, app: Any) -> None:
    book = product("BOOK", 10)

    def send(_: int) -> Any:
        own = Caller(app.test_client(), *(getattr(staff, name) for name in (
            "user_id", "session_id", "username", "access_token", "refresh_token",
        )))  # fmt: skip
        return hold(own, "market-1", (book, 4), key="k")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert (available(book), broken()) == (6, [])


def test_reservations_are_listed(staff: Caller) -> None:
    book = product("BOOK", 10)
    first, second = (hold(staff, f"market-{number}", (book, 1)).json["id"] for number in (1, 2))
    staff.post(f"/v1/reservations/{first}/release")
    for query, found in (
        ("", [second, first]), ("?status=held", [second]), ("?status=shipped", []), ("?reference=market-1", [first]),
        ("?reference=market-1&status=held", []), ("?limit=1", [second]),
    ):  # fmt: skip
        assert [each["id"] for each in staff.get(f"/v1/reservations{query}").json["data"]] == found, query


def test_a_release_and_a_shipment_can_be_repeated(staff: Caller) -> None:
    book = product("BOOK", 10)
    paths = [f"/v1/reservations/{hold(staff, f'market-{n}', (book, 2)).json['id']}" for n in (1, 2)]
    ends = (("release", "released", "ship"), ("ship", "shipped", "release"))
    for path, (end, status, other) in zip(paths, ends, strict=True):
        answers = [staff.post(f"{path}/{end}") for _ in range(2)]
        assert [(one.status_code, one.json["status"]) for one in answers] == [(200, status)] * 2
        refused = staff.post(f"{path}/{other}")
        assert (refused.status_code, refused.json["code"], refused.json["current"]) == (409, "wrong_state", status)
    assert available(book) == 8
    moved = staff.get(f"/v1/stock/movements?product_id={book}").json["data"][0]
    assert (moved["quantity"], moved["reason"], moved["reference"]) == (-2, "outside sale", paths[1].rpartition("/")[2])


def test_what_cannot_be_held_is_refused(staff: Caller) -> None:
    book, gone = product("BOOK", 3), product("GONE", 3)
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, gone))
    scarce = hold(staff, "m", (book, 4))
    assert (scarce.status_code, scarce.json["code"]) == (409, "insufficient_stock")
    assert scarce.json["lines"] == [{"product_id": book, "requested": 4, "available": 3}]
    missing = hold(staff, "m", (UNKNOWN, 1))
    assert (missing.status_code, missing.json["products"]) == (404, [UNKNOWN])
    unsold = hold(staff, "m", (gone, 1))
    assert (unsold.status_code, unsold.json["code"], unsold.json["products"]) == (409, "product_unavailable", [gone])
    assert staff.get("/v1/reservations").json["data"] == []
    assert (available(book), available(gone)) == (3, 3)
    for path in ("", "/release", "/ship"):
        call = staff.post if path else staff.get
        assert call(f"/v1/reservations/res_{32 * '0'}{path}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"), ({"reference": ""}, "reference"), ({"reference": "x" * 101}, "reference"),
        ({"reference": "a\nb"}, "reference"), ({"expires_in": 0}, "expires_in"), ({"expires_in": 1.5}, "expires_in"),
        ({"expires_in": settings.reservation_max_seconds + 1}, "expires_in"), ({"why": 1}, "why"),
        ({"lines": [{"product_id": UNKNOWN, "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{"product_id": UNKNOWN, "quantity": 1}] * 2}, "lines"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(staff: Caller, change: dict[str, Any], field: str) -> None:
    body = {"reference": "market-1", "lines": [{"product_id": UNKNOWN, "quantity": 1}]}
    refused = staff.post("/v1/reservations", json=body | change)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


def test_a_key_of_a_marketplace_holds_goods_and_changes_no_levels(client: Any, sign_in: Callable[..., Caller]) -> None:
    book, admin = product("BOOK", 3), sign_in("root", "admin")
    scope = {"name": "market", "permissions": ["stock:read", "reservations:write"]}
    key = {"X-Api-Key": admin.post("/v1/api-keys", json=scope).json["key"]}
    body = {"reference": "m", "lines": [{"product_id": book, "quantity": 1}]}
    made = client.post("/v1/reservations", json=body, headers=key)
    assert made.status_code == 201
    assert client.post(f"{made.headers['Location']}/ship", headers=key).json["status"] == "shipped"
    adjustment = {"product_id": book, "quantity": 1, "reason": "x"}
    assert client.post("/v1/stock/adjustments", json=adjustment, headers=key).status_code == 403
    recorded = admin.get("/v1/events?kind=staff").json["data"]
    assert [made.json["id"]] * 2 == [each["subject"] for each in recorded if "reservations" in each["payload"]["path"]]


def test_reservations_require_permissions(customer: Caller) -> None:
    path = f"/v1/reservations/res_{32 * '0'}"
    for method, address, permission in (
        ("GET", "/v1/reservations", "stock:read"), ("GET", path, "stock:read"),
        ("POST", "/v1/reservations", "reservations:write"), ("POST", f"{path}/ship", "reservations:write"),
    ):  # fmt: skip
        assert customer.open(method, address).json["permission"] == permission
