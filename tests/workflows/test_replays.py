"""Replays of the shop's runs with real workers: a report is written again, a mail is sent again, nothing else is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

import durable
import workflows  # noqa: F401  declares them
from durable import queries
from durable.ids import new_id
from durable.workflow import all_workflows
from models import reports
from models.core.database import transaction
from tests.models.shelves import product as stocked
from tests.models.shelves import warehouse
from tests.shop import Shop


def replay(run_id: str, step: str) -> None:
    with transaction() as session:
        durable.replay(session, run_id, step)


def written(staff: Any) -> tuple[dict[str, Any], str]:
    """A report of levels, and the run that has written it."""
    made = staff.post("/v1/reports/levels").json
    task = staff.get(f"{made['links']['task']}?wait=30").json
    assert task["status"] == "succeeded", task
    return staff.get(task["links"]["report"]).json, task["id"]


def settled(caller: Any, run_id: str) -> dict[str, Any]:
    task: dict[str, Any] = caller.get(f"/v1/tasks/{run_id}?wait=30").json
    assert task["status"] == "succeeded", task
    return task


def count_lines() -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(reports.Line)).one()


@pytest.mark.parametrize("step", ["reports.slice_report", "reports.part", "reports.part[0]", "reports.write"])
@pytest.mark.parametrize("point", ["", "before-commit@reports.write", "after-commit@reports.write"])
def test_a_report_is_written_again_under_its_address(shop: Shop, staff: Any, step: str, point: str) -> None:
    warehouse("Annex")
    stocked("BOOK", 4)
    report, run_id = written(staff)
    lines = count_lines()
    stocked("LAMP", 3)
    if point:
        shop.armed.write_text(point)
    replay(run_id, step)
    settled(staff, run_id)
    if point:
        assert shop.struck()
    again = staff.get(f"/v1/reports/{report['id']}").json
    assert len(staff.get("/v1/reports").json["data"]) == 1
    assert again["totals"]["on_hand"] == (4 if step == "reports.write" else 7)
    assert count_lines() == (lines if step == "reports.write" else lines * 2)
    with transaction() as session:
        kept = [one.step for one in queries.attempts_of_run(session, run_id) if one.error["code"] == "replayed"]
    assert kept[-1] == "reports.mail_subscribers"


def test_a_confirmation_is_sent_again_and_nothing_else_is_done_again(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    mug = product("MUG", 5)
    placed = order(customer, {mug: 2})
    assert placed.json["status"] == "confirmed", placed.json
    run_id = placed.json["task_id"]
    about = f"order {placed.json['number']}"

    def deliveries() -> list[int]:
        """The mailbox shows one mail, as most programs do: the Message-ID is the same."""
        return [mail["deliveries"] for mail in shop.mails() if about in mail["subject"].lower()]

    settled(customer, run_id)  # until then, a worker holds the run
    assert deliveries() == [1]
    before = shop.ledger()
    replay(run_id, "notifications.order_confirmed")
    settled(customer, run_id)
    assert deliveries() == [2]
    with transaction() as session:
        steps = {step.name: step.attempts for step in queries.steps_of_run(session, run_id)}
    assert {name for name, attempts in steps.items() if attempts > 1} <= {
        "notifications.order_confirmed", "orders.complete",
    }  # fmt: skip
    assert shop.ledger() == before
    with pytest.raises(durable.RunConflict, match=r"orders\.confirm must not be performed again"):
        replay(run_id, "orders.confirm")


def test_steps_that_move_money_or_goods_are_not_replayable() -> None:
    replayable = {step.name for workflow in all_workflows() for step in workflow.all_steps() if step.replayable}
    assert {name.partition(".")[0] for name in replayable} == {
        "fulfilment", "inventory", "notifications", "orders", "payments", "pictures", "reports",
    }  # fmt: skip
    careful = ("fulfilment.", "inventory.", "orders.", "payments.")
    assert {name for name in replayable if name.startswith(careful)} == {
        "fulfilment.close", "inventory.close_restock", "inventory.close_transfer", "inventory.report_count",
        "orders.close_cancellation", "orders.close_line_cancellation", "orders.complete", "payments.refresh",
    }  # fmt: skip


def test_a_report_of_the_release_before_keeps_its_id_too(shop: Shop, staff: Any) -> None:
    """Its id was chosen at random."""
    stocked("BOOK", 4)
    report, run_id = written(staff)
    old = new_id("rep")
    with transaction() as session:
        session.execute(update(reports.Report).where(reports.Report.id == report["id"]).values(id=old))
        session.execute(update(reports.Line).where(reports.Line.report_id == report["id"]).values(report_id=old))
        step = "UPDATE workflow.step SET output = output || jsonb_build_object('report_id', CAST(:old AS text))"
        session.execute(text(f"{step} WHERE output ? 'report_id'"), {"old": old})
    for _ in range(2):
        replay(run_id, "reports.slice_report")
        settled(staff, run_id)
        assert [one["id"] for one in staff.get("/v1/reports").json["data"]] == [old]


def test_the_period_of_a_report_stays(shop: Shop, staff: Any) -> None:
    stocked("BOOK", 4)
    now = datetime.now(UTC)
    period = {"from": (now - timedelta(days=3)).isoformat(), "to": (now + timedelta(days=1)).isoformat()}
    made = staff.post("/v1/reports/movements", json=period).json
    task = staff.get(f"{made['links']['task']}?wait=30").json
    before = staff.get(task["links"]["report"]).json
    replay(task["id"], "reports.slice_report")
    after = staff.get(settled(staff, task["id"])["links"]["report"]).json
    assert {name: after[name] for name in ("id", "from", "to", "slot", "totals", "lines")} == {
        name: before[name] for name in ("id", "from", "to", "slot", "totals", "lines")
    }
