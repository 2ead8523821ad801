"""Reports over the REST API, as JSON, CSV, XLSX and HTML. tests/workflows/ tests the workers."""

import csv
import io
import re
import zipfile
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import update

from durable.ids import new_id
from models import catalogue, inventory, reports
from models.core.csv import escape_formula
from models.core.database import transaction
from tests.conftest import Caller
from tests.models.shelves import move, product, reserve, warehouse
from tests.reporting import written

NASTY = '<script>alert("x")</script>'


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


def cells(answer: Any) -> list[list[str | None]]:
    """The rows of a workbook's first sheet, as they are stored: texts, and numbers as texts."""
    names = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    data = answer.data
    answer.close()  # as a server does; the file is temporary
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314, our own file
        assert not sheet.findall(".//s:f", names)  # formulas
    return [
        [(cell.findtext("s:is/s:t", None, names) or cell.findtext("s:v", None, names)) for cell in row]
        for row in sheet.iterfind("s:sheetData/s:row", names)
    ]


def test_levels_have_movements_and_low_stock(staff: Caller) -> None:
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
    groups = {group["name"]: (group["on_hand"], group["came"], group["low"]) for group in report["groups"]}
    assert groups == {"Annex": (5, 5, 0), main.name: (12, 14, 1)}
    lines = {(one["warehouse_id"], one["sku"]): (one["on_hand"], one["came"], one["went"]) for one in report["lines"]}
    assert lines == {(annex, "BOOK"): (5, 5, 0), (main.id, "BOOK"): (8, 10, 2), (main.id, "LAMP"): (4, 4, 0)}
    assert report["lines_complete"] is True
    charts = {chart["title"]: chart["points"] for chart in report["charts"]}
    assert charts["Units on hand by kind"] == [[None, "book", 13], [None, "electronics", 4]]
    assert [point[1] for point in charts["Units available of products furthest below their reorder point"]] == ["BOOK"]


def test_levels_of_one_warehouse_are_of_no_other(staff: Caller) -> None:
    annex, book = warehouse("Annex"), product("BOOK", 10)
    move(book, 5, annex)
    report = staff.get(f"/v1/reports/{written(warehouse_id=annex)}").json
    assert (report["totals"]["on_hand"], report["rows"], report["options"]) == (5, 1, {"warehouse_id": annex})


def test_movements_outside_the_period_are_left_out(staff: Caller) -> None:
    book = product("BOOK", 10)
    with transaction() as session:
        session.execute(update(inventory.Movement).values(created_at=datetime.now(UTC) - timedelta(days=3)))
    move(book, -1)
    assert staff.get(f"/v1/reports/{written()}").json["totals"] | {"low": 0} == {
        "on_hand": 9, "reserved": 0, "available": 9, "came": 0, "went": 1, "low": 0,
    }  # fmt: skip
    assert staff.get(f"/v1/reports/{written(days=7)}").json["totals"]["came"] == 10
    moved = staff.get(f"/v1/reports/{written('movements', days=7)}").json
    assert [(line["reason"], line["came"], line["went"]) for line in moved["lines"]] == [
        ("delivery", 10, 0), ("count", 0, 1),
    ]  # fmt: skip
    assert moved["totals"] == {"movements": 2, "came": 10, "went": 1}


def test_slices_cover_all_products_once(staff: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.reports.writing.PRODUCTS", 2)
    for number in range(5):
        product(f"BOOK-{number}", number + 1)
    report = staff.get(f"/v1/reports/{written()}").json
    assert report["totals"]["on_hand"] == 1 + 2 + 3 + 4 + 5
    assert [line["sku"] for line in report["lines"]] == [f"BOOK-{number}" for number in range(5)]
    with transaction() as session:
        now = datetime.now(UTC)
        assert len(reports.cut(session, reports.KINDS["levels"], now, now)) == 3
        monkeypatch.setattr("models.reports.writing.SLICES", 2)  # a larger shop has larger slices
        assert len(reports.cut(session, reports.KINDS["levels"], now, now)) == 2


@pytest.mark.parametrize("days", [0.01, 1, 2.5, 99, 100, 101, 365, 1100])
def test_slices_of_days_cover_a_period_without_gaps(database: None, days: float) -> None:
    start = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
    end = start + timedelta(days=days)
    with transaction() as session:
        slices = reports.cut(session, reports.KINDS["movements"], start, end)
    times = [(datetime.fromisoformat(one["first"]), datetime.fromisoformat(str(one["last"]))) for one in slices]
    assert (times[0][0], times[-1][1]) == (start, end)
    assert all(one[1] == following[0] for one, following in pairwise(times))
    assert all(first < last for first, last in times)
    assert len(times) <= 100


def test_files_have_every_line_and_no_formula(staff: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.reports.files.CSV_PAGE", 3)
    books = [product(f"BOOK-{n}", n + 1) for n in range(7)]
    formula = '=HYPERLINK("http://x","y"),\n2'
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, books[0]), {"title": formula})
    report = written()
    answer = staff.get(f"/v1/reports/{report}.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    found = rows(answer)
    assert [(row["sku"], row["on_hand"]) for row in found] == [(f"BOOK-{n}", str(n + 1)) for n in range(7)]
    assert (found[0]["title"], found[1]["low"]) == (f"'{formula}", "no")
    book = staff.get(f"/v1/reports/{report}.xlsx")
    assert book.headers["Content-Type"].endswith("spreadsheetml.sheet")
    header, *lines = cells(book)
    assert header == list(found[0])
    assert [line[header.index("sku")] for line in lines] == [f"BOOK-{n}" for n in range(7)]
    assert lines[0][header.index("title")] == f"'{formula}"


def test_a_large_report_has_no_workbook(staff: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        product(f"BOOK-{number}", 1)
    report = written()
    monkeypatch.setattr("models.reports.files.SHEET_ROWS", 2)
    refused = staff.get(f"/v1/reports/{report}.xlsx")
    assert (refused.status_code, refused.json["code"], refused.json["rows"]) == (409, "report_too_large", 3)
    assert len(rows(staff.get(f"/v1/reports/{report}.csv"))) == 3


@pytest.mark.parametrize("start", "=+-@\t\r＝＋－＠")  # noqa: RUF001
def test_formulas_are_escaped(start: str) -> None:
    assert escape_formula(f"{start}1+1") == f"'{start}1+1"
    assert escape_formula(f"1{start}1") == f"1{start}1"


def test_the_html_page_has_no_scripts_and_escapes_text(staff: Caller) -> None:
    annex, book = warehouse(f"Annex {NASTY}"), product("BOOK", 10)
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, book), {"title": NASTY})
        inventory.adjust(session, book, 3, NASTY, annex)
    for kind in ("levels", "movements"):
        answer = staff.get(f"/v1/reports/{written(kind)}.html")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<script" not in answer.text
        assert answer.text.count("&lt;script&gt;") >= 3
        style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)
        assert style is not None
        assert b64encode(sha256(style[1].encode()).digest()).decode() in answer.headers["Content-Security-Policy"]
        assert " style=" not in answer.text
        assert not re.search(r"(src|href)=", answer.text)


def test_charts_are_read_aloud_and_fit_narrow_screens(staff: Caller) -> None:
    product("BOOK", 10)
    page = staff.get(f"/v1/reports/{written()}.html").text
    drawn = re.findall(r'<svg role="img" aria-label="([^"]+)"[^>]* class="plot plot-(\w+)" width="(\d+)"', page)
    assert {(name, width) for _, name, width in drawn} == {("wide", "720"), ("medium", "480"), ("narrow", "300")}
    assert drawn[0][0] == "Units on hand by warehouse: 1 values, the highest is 10"


def test_an_empty_shop_has_empty_reports(staff: Caller) -> None:
    for kind in reports.KINDS:
        report = written(kind)
        assert staff.get(f"/v1/reports/{report}").json["rows"] == 0
        assert rows(staff.get(f"/v1/reports/{report}.csv")) == []
        assert len(cells(staff.get(f"/v1/reports/{report}.xlsx"))) == 1
        assert "<svg" not in staff.get(f"/v1/reports/{report}.html").text


def test_reports_are_listed_newest_first_and_cached(staff: Caller) -> None:
    made = [written(kind) for kind in ("levels", "cover", "levels")]
    first = staff.get("/v1/reports?limit=2").json
    rest = staff.get(f"/v1/reports?limit=2&cursor={first['next_cursor']}").json
    assert [one["id"] for one in first["data"] + rest["data"]] == made[::-1]
    assert [one["id"] for one in staff.get("/v1/reports?kind=cover").json["data"]] == [made[1]]
    for link in (first["data"][0]["links"][name] for name in ("self", "html")):
        answer = staff.get(link)
        again = staff.get(link, headers={"If-None-Match": answer.headers["ETag"]})
        assert (answer.status_code, again.status_code) == (200, 304)


@pytest.mark.parametrize("kind", [*reports.KINDS, "inventory"])
def test_requesting_a_report_starts_a_task(staff: Caller, kind: str) -> None:
    day = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
    bodies: list[dict[str, Any]] = [{"json": day}, {"json": {}}, {}]
    for body in bodies:
        made = staff.post(f"/v1/reports/{kind}", **body)
        assert made.status_code == 202, made.json
        assert staff.get(made.json["links"]["task"]).json["workflow"] == "inventory_report"
    keyed = [staff.post(f"/v1/reports/{kind}", headers={"Idempotency-Key": "k"}).json for _ in range(2)]
    assert keyed[0]["task_id"] == keyed[1]["task_id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "from"),
        ({"from": "2020-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "from"),
        ({"from": "2026-11-02T00:00:00"}, "from"), ({"to": "0001-01-01T00:00:00Z"}, "to"), ({"day": 1}, "day"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "to"), ({"from": 5}, "from"), ({"warehouse_id": "wh_1"}, "warehouse_id"),
        ({"interval": "day"}, "interval"),
    ],
)  # fmt: skip
def test_an_invalid_request_is_named(staff: Caller, body: dict[str, Any], field: str) -> None:
    refused = staff.post("/v1/reports/levels", json=body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


def test_what_a_report_is_limited_to_must_exist(staff: Caller) -> None:
    asked: list[tuple[str, dict[str, str]]] = [
        ("levels", {"warehouse_id": new_id("wh")}), ("trends", {"product_id": new_id("prd")}),
        ("trends", {"category_id": new_id("cat")}), ("gossip", {}),
    ]  # fmt: skip
    assert [staff.post(f"/v1/reports/{kind}", json=body).status_code for kind, body in asked] == [404] * 4


def test_subscriptions_are_replaced_as_a_whole(staff: Caller) -> None:
    wanted = [{"kind": "cover", "schedule": "weekly"}, {"kind": "levels", "schedule": "daily"}]
    assert staff.get("/v1/reports/subscriptions").json == {"data": []}
    for data in (wanted, wanted[:1], [*wanted, wanted[0]], []):
        answer = staff.put("/v1/reports/subscriptions", json={"data": data})
        assert (answer.status_code, answer.json["data"]) == (200, data[:2])
        assert staff.get("/v1/reports/subscriptions").json["data"] == data[:2]
    for refused in ({"kind": "gossip", "schedule": "daily"}, {"kind": "cover", "schedule": "hourly"}):
        assert staff.put("/v1/reports/subscriptions", json={"data": [refused]}).status_code == 422


def test_reports_require_permissions(customer: Caller, staff: Caller) -> None:
    report = written()
    paths = ["/v1/reports", *(f"/v1/reports/{report}{ending}" for ending in ("", ".csv", ".xlsx", ".html"))]
    assert {customer.get(path).status_code for path in [*paths, "/v1/reports/subscriptions"]} == {403}
    assert customer.post("/v1/reports/levels").status_code == 403
    assert customer.put("/v1/reports/subscriptions", json={"data": []}).status_code == 403
    assert staff.get(f"/v1/reports/{new_id('rep')}.html").status_code == 404


def test_an_api_key_has_no_subscriptions(sign_in: Callable[..., Caller], client: Any) -> None:
    admin = sign_in("admin", "admin")
    key = admin.post("/v1/api-keys", json={"name": "a script", "permissions": ["reports:read"]}).json["key"]
    headers = {"X-Api-Key": key}
    assert client.get("/v1/reports", headers=headers).status_code == 200
    assert client.get("/v1/reports/subscriptions", headers=headers).status_code == 403
