"""Reports, their mails, and the folding of daily sales, with real workers and beats."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import durable
from durable.tables import RunRecord
from local.waiting import wait_until
from models import access, reports
from models.core.database import transaction
from tests.models.sales import Sale
from tests.models.shelves import move, product, warehouse
from tests.processes import Process
from tests.shop import Shop


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with a message per step, so that the parts of a report are a Celery chord."""
    var: Path = tmp_path_factory.mktemp("shop")
    with ExitStack() as exits:
        shop = Shop(var, exits, SHOP_CONTINUE_FOR="0")
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


def _written() -> dict[str, int]:
    """Slot → reports."""
    with transaction() as session:
        return dict(session.execute(select(reports.Report.slot, func.count()).group_by(reports.Report.slot)).all())


def _reports() -> list[reports.Report]:
    with transaction() as session:
        return list(session.scalars(select(reports.Report)))


def _mails(shop: Shop, number: int) -> list[EmailMessage]:
    """The mails with reports, once there are so many and all runs have ended."""

    def found() -> list[dict[str, Any]]:
        return [mail for mail in shop.mails() if mail["subject"].startswith("Report")]

    assert wait_until(lambda: len(found()) >= number and _ended(), 30, 0.1), shop.mails()
    paths = [path for mail in found() for path in shop.var.rglob(f"*-{mail['id']}.eml")]
    return [BytesParser(EmailMessage, policy=policy.default).parsebytes(path.read_bytes()) for path in paths]


def _ended() -> bool:
    with transaction() as session:
        return session.scalars(select(func.count()).where(RunRecord.finished_at.is_(None))).one() == 0


def test_a_report_has_a_step_for_each_slice(shop: Shop, staff: Any) -> None:
    annex, book = warehouse("Annex"), product("BOOK", 4)
    move(book, 3, annex)
    now = datetime.now(UTC)
    period = {"from": (now - timedelta(days=3)).isoformat(), "to": (now + timedelta(days=1)).isoformat()}
    made = staff.post("/v1/reports/movements", json=period).json
    task = staff.get(f"{made['links']['task']}?wait=20").json
    assert task["status"] == "succeeded", task
    parts = [step["name"] for step in task["steps"] if step["name"].startswith("reports.part[")]
    assert sorted(parts) == [f"reports.part[{number}]" for number in range(4)]
    assert task["progress"] == {"done": 7, "total": 7}
    report = staff.get(task["links"]["report"]).json
    assert (report["id"], report["task_id"]) == (task["result"]["report_id"], task["id"])
    assert [(line["warehouse"], line["came"]) for line in report["lines"]] == [("Annex", 3), ("Main warehouse", 4)]
    assert report["totals"]["came"] == 7
    assert {staff.get(report["links"][name]).status_code for name in ("html", "csv")} == {200}


def test_an_order_is_in_the_trend_of_its_day(shop: Shop, staff: Any) -> None:
    book, lamp = product("BOOK", 10), product("LAMP", 10)
    for product_id, units in ((book, 2), (lamp, 1), (book, 1)):
        Sale(product_id, units).confirm()
    made = staff.post("/v1/reports/trends", headers={"Prefer": "wait=20"}).json
    today = datetime.now(UTC).date().isoformat()
    products = {line["name"]: (line["day"], line["units"]) for line in made["lines"] if line["scope"] == "product"}
    assert products == {"BOOK BOOK": (today, 3), "LAMP LAMP": (today, 1)}
    assert (made["totals"]["units"], made["groups"][0]["name"]) == (4, "All")
    asked = {"product_id": lamp, "interval": "week"}
    made = staff.post("/v1/reports/trends", json=asked, headers={"Prefer": "wait=20"}).json
    assert made["totals"]["units"] == 1
    [day] = {line["day"] for line in made["lines"]}
    assert datetime.fromisoformat(day).weekday() == 0


def test_changes_are_folded_in_portions(shop: Shop, staff: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    book = product("BOOK", 10)
    for _ in range(3):
        Sale(book, 1).confirm()
    with transaction() as session:
        run_id = durable.start(session, "sales_fold", key="2026-11-22T10", input={"slot": "2026-11-22T10"})
    assert staff.get(f"/v1/tasks/{run_id}?wait=20").json["result"] == {"folded": 3}
    with transaction() as session:
        assert [one.sold for one in session.scalars(select(reports.DailySales))] == [3]


def test_subscribers_are_mailed_the_page_and_the_workbook(shop: Shop, staff: Any) -> None:
    product("BOOK", 4)
    wanted = [
        {"kind": "levels", "schedule": "daily"}, {"kind": "cover", "schedule": "weekly"},
        {"kind": "trends", "schedule": "monthly"},
    ]  # fmt: skip
    assert staff.put("/v1/reports/subscriptions", json={"data": wanted}).status_code == 200
    for day in ("2026-11-22", "2026-11-23"):  # a Sunday and a Monday
        with transaction() as session:
            durable.start(session, "report_subscriptions", key=day, input={"slot": day})
    mails = _mails(shop, 3)
    assert sorted(str(mail["Subject"]) for mail in mails) == [
        "Report: cover, until 23 November 2026", "Report: levels, until 22 November 2026",
        "Report: levels, until 23 November 2026",
    ]  # fmt: skip
    assert {one.kind for one in _reports()} == {"levels", "cover"}
    for mail in mails:
        assert mail["To"] == "staff@example.org"
        page, book = mail.iter_attachments()
        assert page.get_content_type() == "text/html"
        assert "Lines" in str(page.get_payload(decode=True))
        content = book.get_payload(decode=True)
        assert isinstance(content, bytes)
        with zipfile.ZipFile(io.BytesIO(content)) as sheets:
            assert "xl/worksheets/sheet1.xml" in sheets.namelist()


def test_a_user_without_the_permission_is_mailed_nothing(shop: Shop, staff: Any) -> None:
    before = shop.mails()
    staff.put("/v1/reports/subscriptions", json={"data": [{"kind": "levels", "schedule": "daily"}]})
    with transaction() as session:
        access.set_roles(session, access.PERMISSIONS, staff.user_id, ["customer"])
        durable.start(session, "report_subscriptions", key="2026-11-22", input={"slot": "2026-11-22"})
    assert wait_until(lambda: bool(_reports()) and _ended(), 20, 0.1)
    assert shop.mails() == before


@pytest.mark.parametrize("point", ["before-commit@reports.write", "after-commit@reports.slice_report"])
def test_a_worker_kill_does_not_duplicate_a_report(shop: Shop, staff: Any, point: str) -> None:
    warehouse("Annex")
    product("BOOK", 4)
    shop.armed.write_text(point)
    made = staff.post("/v1/reports/levels").json
    task = staff.get(f"{made['links']['task']}?wait=30").json
    assert (task["status"], shop.struck()) == ("succeeded", True), task
    assert staff.get(task["links"]["report"]).json["totals"]["on_hand"] == 4
    assert len(staff.get("/v1/reports").json["data"]) == 1


def test_a_slot_requested_twice_has_one_report(shop: Shop, staff: Any) -> None:
    from workflows import app

    for _ in range(3):
        app.send_task("schedule.start", ("inventory_report",), queue="reports")
    assert wait_until(lambda: len(_written()) > 0, 20, 0.05)
    assert wait_until(_ended, 20, 0.05)
    [report] = staff.get("/v1/reports").json["data"]
    day = report["slot"]
    assert (report["from"][11:], report["to"]) == ("00:00:00Z", f"{day}T00:00:00Z")
    assert report["from"] < report["to"]
    assert set(_written().values()) == {1}


BEATS = """
from celery.schedules import schedule
from workflows import app
entry = app.conf.beat_schedule["inventory_report"]
app.conf.beat_schedule = {"inventory_report": {**entry, "schedule": schedule(1.0)}}
"""


def test_several_beats_write_one_report_per_slot(shop: Shop, database: None, tmp_path: Path) -> None:
    """The beats send every second, for the slot of the day; at midnight there are two slots."""
    (tmp_path / "hasty.py").write_text(BEATS)
    sent: dict[str, int] = {}

    def beat(name: str) -> Process:
        arguments = (
            "-A", "hasty:app", "--workdir", str(tmp_path), "beat", "--pidfile=", "-s", str(tmp_path / name),
            "--max-interval", "1", "-l", "INFO",
        )  # fmt: skip
        return shop.start(f"beat-{name}", shop.environment, "celery", *arguments)

    def counted(process: Process) -> int:
        said = process.log.read_text() if process.log.exists() else ""
        sent[process.log.name] = said.count("Sending due task inventory_report")
        return sent[process.log.name]

    one, two = beat("one"), beat("two")
    assert wait_until(lambda: counted(one) >= 2 and counted(two) >= 2, 40, 0.2), json.dumps(sent)
    two.kill()
    two.start()
    assert wait_until(lambda: counted(two) >= 4, 40, 0.2), json.dumps(sent)
    for process in (one, two):
        process.stop()
    assert wait_until(lambda: len(_written()) > 0 and _ended(), 20, 0.05)
    assert set(_written().values()) == {1}
    with transaction() as session:
        slots = session.scalars(select(RunRecord.key).where(RunRecord.workflow == "inventory_report")).all()
    assert sorted(slots) == sorted(_written())
    assert len(slots) <= 2
