"""The inventory report, with real workers and beats."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from durable.tables import RunRecord
from local.waiting import wait_until
from models import reports
from models.core.database import transaction
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


def _ended() -> bool:
    with transaction() as session:
        return session.scalars(select(func.count()).where(RunRecord.finished_at.is_(None))).one() == 0


def test_a_report_has_one_step_per_warehouse(shop: Shop, staff: Any) -> None:
    others = [warehouse(f"Annex {n}") for n in range(3)]
    book = product("BOOK", 4)
    move(book, 3, others[0])
    made = staff.post("/v1/reports/inventory").json
    task = staff.get(f"{made['links']['task']}?wait=20").json
    assert task["status"] == "succeeded", task
    assert task["progress"] == {"done": 6, "total": 6}
    parts = [step["name"] for step in task["steps"] if step["name"].startswith("reports.part[")]
    assert len(parts) == 4
    assert {f"reports.part[{other}]" for other in others} < set(parts)
    report = staff.get(task["links"]["report"]).json
    assert (report["id"], report["task_id"]) == (task["result"]["report_id"], task["id"])
    assert [shelf["totals"]["on_hand"] for shelf in report["warehouses"]] == [3, 0, 0, 4]
    assert report["totals"]["came"] == 7
    assert staff.get(report["links"]["html"]).status_code == 200


@pytest.mark.parametrize("point", ["before-commit@reports.write", "after-commit@reports.begin"])
def test_a_worker_kill_does_not_duplicate_a_report(shop: Shop, staff: Any, point: str) -> None:
    warehouse("Annex")
    product("BOOK", 4)
    shop.armed.write_text(point)
    made = staff.post("/v1/reports/inventory").json
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
