"""Stock counts over the REST API, without workers."""

import csv
from typing import Any

import pytest

from models import catalogue, inventory
from models.core.database import transaction
from models.inventory import counts
from settings import settings
from tests.conftest import Caller
from tests.models.shelves import move, product, warehouse

UNKNOWN = "prd_" + 32 * "0"
COUNT = "cnt_" + 32 * "0"


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def open_count(staff: Caller, *lines: tuple[str, int], key: str | None = None, **more: Any) -> Any:
    counted = [{"product_id": product_id, "counted": units} for product_id, units in lines]
    body = {"warehouse_id": main(), **({"lines": counted} if counted else {}), **more}
    return staff.post("/v1/stock-counts", json=body, headers={"Idempotency-Key": key} if key else {})


def enter(staff: Caller, url: str, key: str, *lines: dict[str, Any]) -> Any:
    return staff.post(f"{url}/lines", json={"lines": list(lines)}, headers={"Idempotency-Key": key})


def test_a_count_is_opened_once_and_shown_with_its_differences(staff: Caller) -> None:
    book, hat = product("BOOK", 10), product("HAT", 3)
    made, again = (open_count(staff, (book, 8), (hat, 4), key="k") for _ in range(2))
    assert (made.status_code, again.headers["Idempotent-Replayed"]) == (201, "true"), made.json
    assert made.headers["Location"] == made.json["links"]["self"]
    shown = staff.get(made.json["links"]["self"]).json
    assert shown == made.json
    assert (shown["status"], shown["scope"], shown["warehouse_id"], shown["lines_complete"]) == (
        "open", "products", main(), True,
    )  # fmt: skip
    figures = ("sku", "expected", "counted", "difference", "unit_value", "value", "booked", "short")
    assert [tuple(line[name] for name in figures) for line in shown["lines"]] == [
        ("BOOK", 10, 8, -2, 1, -2, None, 0), ("HAT", 3, 4, 1, 1, 1, None, 0),
    ]  # fmt: skip
    assert shown["totals"] == {
        "lines": 2, "counted": 2, "differing": 2, "surplus": 1, "missing": 2, "value": -1, "absolute_value": 3,
        "booked": 0, "short": 0,
    }  # fmt: skip
    task = staff.get(shown["links"]["task"]).json
    assert (task["workflow"], task["links"]["stock_count"]) == ("stock_count", shown["links"]["self"])
    for query, found in (
        ("", 1), (f"?warehouse_id={main()}", 1), (f"?warehouse_id={warehouse('Empty')}", 0), ("?status=booked", 0),
    ):  # fmt: skip
        assert len(staff.get(f"/v1/stock-counts{query}").json["data"]) == found


def test_a_repeated_entry_changes_nothing_and_a_new_key_counts_again(staff: Caller) -> None:
    book = product("BOOK", 10)
    url = open_count(staff, product_ids=[book]).json["links"]["self"]
    first = enter(staff, url, "a", {"sku": "BOOK", "counted": 9})
    move(book, -1)
    repeated = enter(staff, url, "a", {"sku": "BOOK", "counted": 9})
    assert (first.status_code, repeated.headers["Idempotent-Replayed"]) == (200, "true"), first.json
    assert repeated.json == first.json
    assert staff.get(url).json["lines"][0]["difference"] == -1
    again = enter(staff, url, "b", {"product_id": book, "counted": 9}).json["lines"][0]
    assert (again["expected"], again["difference"]) == (9, 0)
    keyless = staff.post(f"{url}/lines", json={"lines": [{"sku": "BOOK", "counted": 1}]})
    assert (keyless.status_code, keyless.json["code"]) == (400, "idempotency_key_required")


def test_lines_are_listed_by_their_state_and_differences_as_csv(staff: Caller) -> None:
    for number in range(3):
        product(f"BOOK-{number}", 5)
    with transaction() as session:
        fields = {"kind": "book", "title": "=1+1", "price_amount": 250, "currency": "EUR", "category": "All"}
        made = {**fields, "sku": "FORMULA", "attributes": {"isbn": "9780141439587"}}
        formula = catalogue.create_product(session, made).id
    move(formula, 4)
    url = open_count(staff).json["links"]["self"]
    lines = (
        {"sku": "BOOK-0", "counted": 5},
        {"sku": "BOOK-1", "counted": 4},
        {"barcode": "9780141439587", "counted": 2},
    )
    assert enter(staff, url, "k", *lines).status_code == 200
    for query, skus in (
        ("", ["BOOK-0", "BOOK-1", "BOOK-2", "FORMULA"]), ("?state=uncounted", ["BOOK-2"]),
        ("?state=counted", ["BOOK-0", "BOOK-1", "FORMULA"]), ("?state=differing", ["BOOK-1", "FORMULA"]),
        ("?state=short", []), ("?limit=1", ["BOOK-0"]),
    ):  # fmt: skip
        assert [line["sku"] for line in staff.get(f"{url}/lines{query}").json["data"]] == skus
    sheet = staff.get(f"{url}.csv")
    assert sheet.headers["Content-Disposition"].startswith("attachment")
    found = {row["sku"]: row for row in csv.DictReader(sheet.text.splitlines())}
    assert set(found) == {"BOOK-1", "FORMULA"}
    row = found["FORMULA"]
    assert (row["title"], row["expected"], row["counted"], row["difference"], row["value"], row["booked"]) == (
        "'=1+1", "4", "2", "-2", "-500", "",
    )  # fmt: skip


def test_a_count_is_submitted_and_decided_once(staff: Caller) -> None:
    book = product("BOOK", 10)
    refused, cancelled, approved = (open_count(staff, (book, 9)).json["links"]["self"] for _ in range(3))
    early = staff.post(f"{refused}/refuse", json={"reason": "Too early"})
    assert (early.status_code, early.json["current"]) == (409, "open")
    submitted = staff.post(f"{refused}/submit").json
    assert (submitted["status"], submitted["submitted_by"]) == ("submitted", submitted["opened_by"])
    assert submitted["expires_at"] > submitted["submitted_at"]
    late = enter(staff, refused, "k", {"product_id": book, "counted": 1})
    assert (late.status_code, late.json["code"]) == (409, "wrong_state")
    answers = [
        staff.post(f"{refused}/refuse", json={"reason": "Count again"}), staff.post(f"{cancelled}/cancel"),
        staff.post(f"{approved}/approve"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [202, 202, 202], [answer.json for answer in answers]
    assert answers[2].json["stock_count_id"] in approved
    shown = [staff.get(url).json for url in (refused, cancelled, approved)]
    assert [(one["status"], one["reason"], one["expires_at"]) for one in shown] == [
        ("refused", "Count again", None), ("cancelled", None, None), ("approved", None, None),
    ]  # fmt: skip
    for url in (refused, cancelled, approved):
        for action in ("submit", "approve", "cancel"):
            assert staff.post(f"{url}/{action}").json["code"] == "wrong_state"


def test_a_large_difference_requires_another_approver(staff: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    book = product("BOOK", 10)
    url = open_count(staff, (book, 4)).json["links"]["self"]
    monkeypatch.setattr(counts, "settings", settings.model_copy(update={"count_approval_value": 5}))
    refused = staff.post(f"{url}/approve")
    assert (refused.status_code, refused.json["code"]) == (409, "other_approver_required")
    assert (refused.json["value"], refused.json["limit"]) == (6, 5)
    assert staff.get(url).json["status"] == "open"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"lines": []}, "lines"), ({"warehouse_id": "x"}, "warehouse_id"), ({"product_ids": []}, "product_ids"),
        ({"lines": [{"counted": 1}]}, "lines.0.product_id"),
        ({"lines": [{"product_id": UNKNOWN, "sku": "BOOK", "counted": 1}]}, "lines.0.product_id"),
        ({"lines": [{"sku": "BOOK", "counted": -1}]}, "lines.0.counted"),
        ({"lines": [{"sku": "BOOK", "counted": 1}, {"sku": "BOOK", "counted": 2}]}, "lines"),
        ({"product_ids": [UNKNOWN], "category_id": "cat_" + 32 * "0"}, "category_id"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_named(staff: Caller, body: dict[str, Any], field: str) -> None:
    refused = open_count(staff, **body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field]), refused.json


def test_what_is_not_there_is_not_found(staff: Caller) -> None:
    assert open_count(staff, product_ids=[UNKNOWN]).json["products"] == [UNKNOWN]
    assert open_count(staff, (UNKNOWN, 1)).json["products"] == [UNKNOWN]
    assert open_count(staff, category_id="cat_" + 32 * "0").status_code == 404
    assert open_count(staff, warehouse_id="wh_" + 32 * "0").status_code == 404
    for path in ("", ".csv", "/lines"):
        assert staff.get(f"/v1/stock-counts/{COUNT}{path}").status_code == 404
    assert {staff.post(f"/v1/stock-counts/{COUNT}/{one}").status_code for one in ("submit", "approve", "cancel")} == {
        404
    }
    assert staff.get("/v1/stock-counts").json["data"] == []


def test_stock_counts_require_permissions(customer: Caller, staff: Caller, sign_in: Any) -> None:
    book = product("BOOK", 10)
    url = open_count(staff, (book, 9)).json["links"]["self"]
    reader = sign_in("reader", "staff")
    assert (reader.get(url).status_code, reader.post(f"{url}/submit").status_code) == (200, 403)
    answers = [
        open_count(customer, (book, 9)), customer.get("/v1/stock-counts"), customer.get(url),
        customer.get(f"{url}.csv"),
        customer.get(f"{url}/lines"), enter(customer, url, "k", {"product_id": book, "counted": 1}),
        *(customer.post(f"{url}/{action}") for action in ("submit", "approve", "refuse", "cancel")),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {403}
    assert customer.post(f"{url}/approve").json["permission"] == "stock:approve"
