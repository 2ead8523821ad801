"""Reports over the REST API, as JSON, CSV and HTML. tests/workflows/ tests the workers."""

import csv
import io
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from durable.ids import new_id
from models import catalogue, inventory, reports
from models.core.csv import escape_formula
from models.core.database import transaction
from tests.conftest import Caller
from tests.models.shelves import move, product, reserve, warehouse

NASTY = '<script>alert("x")</script>'


def written(slot: str = "2026-11-22", days: int = 1) -> str:
    """Writes a report on the last days in one transaction; returns its id."""
    report_id, end = new_id("rep"), datetime.now(UTC) + timedelta(seconds=1)
    start = end - timedelta(days=days)
    with transaction() as session:
        warehouses = list(session.scalars(inventory.select_warehouses()))
        moved = {w.id: reports.write_part(session, report_id, w.id, start, end) for w in warehouses}
        reports.write(session, report_id, slot, new_id("run"), start, end, moved)
    return report_id


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_report_has_levels_movements_and_low_stock(staff: Caller) -> None:
    annex, book = warehouse("Annex"), product("BOOK", 10)
    lamp = product("LAMP", 4, kind="electronics")
    product("NEVER THERE")
    move(book, 5, annex)
    move(book, -2)
    reserve({lamp: 3})
    with transaction() as session:
        inventory.set_threshold(session, book, None, 9, None)
        main = inventory.get_default_warehouse(session)
    shown = staff.get(f"/v1/reports/{written()}")
    assert shown.status_code == 200, shown.json
    report = shown.json
    assert report["totals"] == {"on_hand": 17, "reserved": 3, "available": 14, "came": 19, "went": 2, "low": 1}
    there, here = report["warehouses"]
    assert (there["name"], there["totals"]["on_hand"], there["low"]) == ("Annex", 5, [])
    assert here["name"] == main.name
    assert here["kinds"]["book"] == {"on_hand": 8, "reserved": 0, "available": 8, "came": 10, "went": 2, "low": 1}
    assert here["movements"] == [
        {"reason": "delivery", "movements": 2, "came": 14, "went": 0},
        {"reason": "count", "movements": 1, "came": 0, "went": 2},
    ]
    assert [(low["sku"], low["available"], low["reorder_point"]) for low in here["low"]] == [("BOOK", 8, 9)]
    levels = {(one["warehouse_id"], one["sku"]): (one["on_hand"], one["came"], one["went"]) for one in report["levels"]}
    assert levels == {(annex, "BOOK"): (5, 5, 0), (main.id, "BOOK"): (8, 10, 2), (main.id, "LAMP"): (4, 4, 0)}
    assert report["levels_complete"] is True


def test_movements_outside_the_period_are_left_out(staff: Caller) -> None:
    book = product("BOOK", 10)
    with transaction() as session:
        moved = session.query(inventory.Movement).one()
        moved.created_at = datetime.now(UTC) - timedelta(days=3)
    move(book, -1)
    assert staff.get(f"/v1/reports/{written()}").json["totals"] | {"low": 0} == {
        "on_hand": 9, "reserved": 0, "available": 9, "came": 0, "went": 1, "low": 0,
    }  # fmt: skip
    assert staff.get(f"/v1/reports/{written('week', days=7)}").json["totals"]["came"] == 10


def test_the_csv_has_every_level_and_no_formula(staff: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.reports.csv.PAGE", 3)
    books = [product(f"BOOK-{n}", n + 1) for n in range(7)]
    with transaction() as session:
        catalogue.update_product(
            session, catalogue.get_product(session, books[0]), {"title": '=HYPERLINK("http://x","y"),\n2'}
        )
    answer = staff.get(f"/v1/reports/{written()}.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    found = rows(answer)
    assert [(row["sku"], row["on_hand"]) for row in found] == [(f"BOOK-{n}", str(n + 1)) for n in range(7)]
    assert found[0]["title"] == '\'=HYPERLINK("http://x","y"),\n2'
    assert found[1]["low"] == "no"


@pytest.mark.parametrize("start", "=+-@\t\r＝＋－＠")  # noqa: RUF001
def test_formulas_are_escaped(start: str) -> None:
    assert escape_formula(f"{start}1+1") == f"'{start}1+1"
    assert escape_formula(f"1{start}1") == f"1{start}1"


def test_the_html_page_has_no_scripts_and_escapes_text(staff: Caller) -> None:
    warehouse(f"Annex {NASTY}")
    book = product("BOOK", 10)
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, book), {"title": NASTY})
        inventory.adjust(session, book, -1, NASTY)
        inventory.set_threshold(session, book, None, 9, None)
    answer = staff.get(f"/v1/reports/{written()}.html")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    assert answer.text.count("&lt;script&gt;alert") >= 3
    assert re.findall(r'class="on_hand" x="\d+" y="\d+" width="(\d+)"', answer.text) == ["0", "480"]
    style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)
    assert style is not None
    assert b64encode(sha256(style[1].encode()).digest()).decode() in answer.headers["Content-Security-Policy"]
    assert "http" not in answer.text


def test_an_empty_shop_has_an_empty_report(staff: Caller) -> None:
    report = written()
    assert staff.get(f"/v1/reports/{report}").json["totals"]["on_hand"] == 0
    assert rows(staff.get(f"/v1/reports/{report}.csv")) == []
    assert "<svg" not in staff.get(f"/v1/reports/{report}.html").text


def test_reports_are_listed_newest_first_and_cached(staff: Caller) -> None:
    made = [written(f"slot-{n}") for n in range(3)]
    first = staff.get("/v1/reports?limit=2").json
    rest = staff.get(f"/v1/reports?limit=2&cursor={first['next_cursor']}").json
    assert [one["id"] for one in first["data"] + rest["data"]] == made[::-1]
    for link in (first["data"][0]["links"][name] for name in ("self", "html")):
        answer = staff.get(link)
        again = staff.get(link, headers={"If-None-Match": answer.headers["ETag"]})
        assert (answer.status_code, again.status_code) == (200, 304)


def test_requesting_a_report_starts_a_task(staff: Caller) -> None:
    day = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
    bodies: list[dict[str, Any]] = [{"json": day}, {"json": {}}, {}]
    for body in bodies:
        made = staff.post("/v1/reports/inventory", **body)
        assert made.status_code == 202, made.json
        assert staff.get(made.json["links"]["task"]).json["workflow"] == "inventory_report"
    keyed = [staff.post("/v1/reports/inventory", headers={"Idempotency-Key": "k"}).json for _ in range(2)]
    assert keyed[0]["task_id"] == keyed[1]["task_id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "from"),
        ({"from": "2026-11-02T00:00:00"}, "from"), ({"to": "0001-01-01T00:00:00Z"}, "to"), ({"day": 1}, "day"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "to"), ({"from": 5}, "from"),
    ],
)  # fmt: skip
def test_an_invalid_period_is_named(staff: Caller, body: dict[str, Any], field: str) -> None:
    refused = staff.post("/v1/reports/inventory", json=body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


def test_reports_require_permissions(customer: Caller, staff: Caller) -> None:
    report = written()
    paths = ["/v1/reports", *(f"/v1/reports/{report}{ending}" for ending in ("", ".csv", ".html"))]
    assert {customer.get(path).status_code for path in paths} == {403}
    assert customer.post("/v1/reports/inventory").status_code == 403
    assert staff.get(f"/v1/reports/{new_id('rep')}.html").status_code == 404
