"""The desk's pages of reports, without workers."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from durable import queries
from durable.ids import new_id
from durable.tables import RunRecord
from models import inventory, reports
from models.core.database import transaction
from models.reports import KINDS
from tests.models.shelves import product, warehouse
from tests.reporting import written
from tests.web.conftest import Browser
from tests.web.desk.selling import Bought, Desk
from web.desk.report_words import ABOUT, SCHEDULES, TITLES, TOTALS
from web.desk.reports import HIDDEN

FORM = "/desk/reports/new"


def runs() -> list[RunRecord]:
    with transaction() as session:
        return list(session.scalars(select(RunRecord).where(RunRecord.workflow == "inventory_report")))


def test_a_report_is_asked_for_once_and_followed(desk: Desk) -> None:
    form = {**desk.form(FORM, FORM), "kind": "trends", "from": "2026-11-02", "to": "2026-11-08", "interval": "week"}
    sent = [desk.post(FORM, data=form) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303], sent[0].text
    [run] = runs()
    assert (run.input["from"], run.input["to"]) == ("2026-11-02T00:00:00+00:00", "2026-11-09T00:00:00+00:00")
    assert run.input["options"] == {"interval": "week"}
    progress = sent[0].headers["Location"]
    assert progress == sent[1].headers["Location"] == f"/desk/reports/runs/{run.id}"
    assert "Sales trends" in desk.get(progress).text
    part = desk.get(f"{progress}?part=1").text
    assert "<html" not in part
    assert "<progress" in part


def test_the_progress_leads_to_the_report(desk: Desk) -> None:
    product("BOOK", 4)
    report = written()
    desk.fill(FORM, FORM, kind="levels")
    [run] = runs()
    with transaction() as session:
        found = session.get_one(RunRecord, run.id)
        found.status, found.finished_at, found.result = "succeeded", datetime.now(UTC), {"report_id": report}
    page, part = desk.get(f"/desk/reports/runs/{run.id}"), desk.get(f"/desk/reports/runs/{run.id}?part=1")
    assert (page.status_code, page.headers["Location"]) == (303, f"/desk/reports/{report}")
    assert (part.status_code, part.headers["HX-Redirect"]) == (204, f"/desk/reports/{report}")


def test_runs_of_other_workflows_are_no_reports(desk: Desk, sale: Bought) -> None:
    with transaction() as session:
        assert queries.get_run(session, sale.run_id).workflow == "checkout"
    assert desk.get(f"/desk/reports/runs/{sale.run_id}").status_code == 404
    assert desk.get(f"/desk/reports/runs/{new_id('run')}").status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "gossip"}, "Choose a kind of report."),
        ({"kind": "trends", "product": "NO"}, "No product has this SKU."),
        ({"kind": "trends", "category": "NO"}, "No category has this name."),
        ({"kind": "levels", "from": "2026-11-09", "to": "2026-11-01"}, "must be before"),
        ({"kind": "levels", "from": "soon"}, "A day cannot be read."),
        ({"kind": "levels", "from": "2020-01-01", "to": "2026-11-01"}, "at most 1,100 days"),
        ({"kind": "levels", "to": "9999-12-31"}, "A day cannot be read."),
    ],
)  # fmt: skip
def test_what_cannot_be_reported_is_refused_in_words(desk: Desk, given: dict[str, str], said: str) -> None:
    refused = desk.fill(FORM, FORM, **given)
    assert refused.status_code == 422
    assert said in refused.text
    assert given.get("from", "") in refused.text
    assert runs() == []


def test_a_trend_can_be_limited_to_a_product_and_a_category(desk: Desk, sale: Bought) -> None:
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
    desk.fill(FORM, FORM, kind="trends", product="EMMA", warehouse_id=main)
    [run] = runs()
    assert run.input["options"] == {"product_id": sale.product_id, "warehouse_id": main}
    assert desk.fill(FORM, FORM, kind="levels", product="IGNORED").status_code == 303


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_shows_the_figures_of_every_kind(desk: Desk, kind: str) -> None:
    assert warehouse("Annex")
    Bought(product("<BOOK>", 10), 2).confirmed()
    report = written(kind, days=3)
    listed = desk.get("/desk/reports").text
    assert f'href="/desk/reports/{report}"' in listed
    for language in ("en", "de"):
        page = desk.get(f"/desk/reports/{report}", headers={"Accept-Language": language})
        assert page.status_code == 200
        assert "<BOOK>" not in page.text
        assert re.findall(r"\sstyle=|<style", page.text) == []
        assert page.text.count("<h1") == 1
    with transaction() as session:
        charts = reports.get_report(session, report).body["charts"]
    assert page.text.count('<svg role="img"') == 3 * len(charts)  # one for each width
    assert page.text.count("<figure") == len(charts)


def test_files_of_a_report(desk: Desk) -> None:
    product("BOOK", 10)
    report = written()
    sheet = desk.get(f"/desk/reports/{report}.csv")
    assert sheet.mimetype == "text/csv"
    assert "BOOK" in sheet.text
    book = desk.get(f"/desk/reports/{report}.xlsx")
    assert book.data.startswith(b"PK")
    book.close()
    page = desk.get(f"/desk/reports/{report}.html")
    assert page.headers["Content-Security-Policy"] == reports.POLICY
    assert "<svg" in page.text


def test_the_low_levels_of_a_report_lead_to_their_list(desk: Desk, staff_of: Callable[..., Desk]) -> None:
    product("BOOK", 10)
    report = written()
    assert "/desk/stock?low=true" in desk.get(f"/desk/reports/{report}").text
    assert "/desk/stock?low=true" not in staff_of("finance").get(f"/desk/reports/{report}").text


def test_subscriptions_are_saved_together(desk: Desk) -> None:
    path = "/desk/reports/subscriptions"
    saved = desk.fill(path, path, wanted=["levels:daily", "trends:weekly"])
    assert saved.status_code == 303
    page = desk.get(saved.headers["Location"]).text
    assert "Your reports by e-mail are saved." in page
    assert re.findall(r'value="([\w:-]+)" checked', page) == ["levels:daily", "trends:weekly"]
    stale = desk.form(path, path)
    assert desk.fill(path, path).status_code == 303
    assert "checked" not in desk.get(path).text
    refused = desk.post(path, data={**stale, "wanted": "levels:daily"})
    assert refused.status_code == 412
    assert "Somebody else has changed this" in refused.text
    assert desk.fill(path, path, wanted="gossip:daily").status_code == 422


def test_reports_need_their_permission(signed_in: Callable[..., Browser], browser: Browser) -> None:
    report = written()
    paths = [f"/desk/reports/{report}{end}" for end in ("", ".csv", ".xlsx", ".html")]
    customer = signed_in("ada")
    for path in [*paths, "/desk/reports", FORM, "/desk/reports/subscriptions"]:
        assert customer.get(path).status_code == 403, path
        assert browser.get(path).status_code == 303, path
    unknown: Any = signed_in("grace", "finance")
    assert unknown.get(f"/desk/reports/{new_id('rep')}").status_code == 404


def test_every_title_of_a_report_is_in_the_languages() -> None:
    used = {kind.title for kind in KINDS.values()} | {kind.group_title for kind in KINDS.values()}
    for kind in KINDS.values():
        shown = [column for column in kind.columns if column.name not in HIDDEN]
        used |= {column.title for column in shown} | {chart.title for chart in kind.charts}
        assert set(kind.totals) <= {column.name for column in kind.columns} | set(TOTALS)
    assert used == set(TITLES)
    assert set(ABOUT) == set(KINDS)
    assert tuple(SCHEDULES) == reports.SCHEDULES


def test_a_period_is_written_as_its_days(desk: Desk) -> None:
    with transaction() as session:
        start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)
        scope = reports.Scope(
            report_id=new_id("rep"), kind="movements", start=start.isoformat(), end=end.isoformat(), options={},
            slices=[],
        )  # fmt: skip
        made = reports.publish(session, scope, "request:x", new_id("run"), 0)
        assert made.period_end.date() == date(2026, 11, 8)
    assert "1 Nov 2026 – 7 Nov 2026" in desk.get("/desk/reports").text  # noqa: RUF001
    german = desk.get("/desk/reports", headers={"Accept-Language": "de"}).text
    assert "01.11.2026 – 07.11.2026" in german  # noqa: RUF001
    assert "Lagerbewegungen" in german
