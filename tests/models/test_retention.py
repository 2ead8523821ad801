"""Retention: which rows are deleted by age, and which are kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

import durable
from durable import queries
from durable.tables import RunRecord, StepRecord
from models import imports, inventory, notifications, orders, payments, reports
from models.core import event_log
from models.core.database import transaction
from models.operations import retention, retention_rules
from settings import settings
from tests.models import aged
from tests.models.auditing import broken, ledger
from tests.models.pruning import deleted, rows, write, write_events
from tests.models.sales import Sale
from tests.models.shelves import product
from tests.runs import some_input

KEPT = {
    "idempotency_keys": 1, "sessions": 0, "resets": 0, "confirmations": 0, "email_changes": 0, "challenges": 0,
    "known_devices": 400, "phones": 0, "login_throttles": 0, "webhook_events": 90, "notifications": 400, "runs": 90,
    "events": 400, "staff_events": 3650, "deliveries": 30, "reports": 400, "reconciliations": 400, "imports": 90,
}  # fmt: skip
"""Kind → default number of days."""


def test_every_kind_is_kept_as_long_as_its_setting_says() -> None:
    assert {name: kind.days for name, kind in retention_rules.KINDS.items()} == KEPT
    write(4000)
    with transaction() as session:
        counted = {kind: retention.count(session, kind) for kind in KEPT}
    whole = {kind: (4000 - days) * aged.GO[kind] for kind, days in KEPT.items()}
    # Half of the sessions ended at once, half after 30 days; throttles expire after 10 days. Half of the numbers are
    # verified, and kept.
    assert counted == whole | {"sessions": 4000 - 15, "login_throttles": 4000 - 10, "phones": 2000}
    assert deleted() == counted
    with transaction() as session:
        assert {kind: retention.count(session, kind) for kind in KEPT} == dict.fromkeys(KEPT, 0)
    assert (rows(RunRecord), rows(StepRecord)) == (90, 90)
    assert (rows(imports.Import), rows(imports.Refused), rows(imports.Chunk)) == (90, 90, 90)
    assert (rows(reports.Report), rows(reports.Line)) == (400, 400)
    assert (rows(payments.Reconciliation), rows(payments.Difference)) == (400, 400)
    assert rows(event_log.Event) == 400 + 3650


def test_a_setting_changes_the_retention_period(monkeypatch: pytest.MonkeyPatch) -> None:
    write(50, "runs")
    monkeypatch.setattr(retention_rules, "settings", settings.model_copy(update={"keep_runs_days": 20}))
    assert deleted("runs") == {"runs": 30}


def test_counting_deletes_nothing() -> None:
    write(4000)
    before = {kind: rows(rule.table) for kind, found in retention_rules.KINDS.items() for rule in found.rules}
    with transaction() as session:
        assert all(retention.count(session, kind) for kind in KEPT)
    assert before == {kind: rows(rule.table) for kind, found in retention_rules.KINDS.items() for rule in found.rules}


# ---- what is kept


@pytest.mark.parametrize(
    ("status", "values"),
    [
        ("running", {"finished_at": None}),
        ("waiting", {"finished_at": None}),
        ("compensating", {"finished_at": None}),
        ("running", {"finished_at": None, "stuck_at": datetime(2025, 1, 1, tzinfo=UTC)}),
        ("failed", {}),
        ("succeeded", {"finished_at": datetime.now(UTC) - timedelta(days=89)}),
    ],
)
def test_live_stuck_failed_and_recently_ended_runs_are_kept(status: str, values: dict[str, Any]) -> None:
    write(500, "runs")
    with transaction() as session:
        kept = session.scalars(select(RunRecord).where(RunRecord.key == "450")).one()
        session.execute(update(RunRecord).where(RunRecord.id == kept.id).values(status=status, **values))
    assert deleted("runs") == {"runs": 500 - 90 - 1}
    with transaction() as session:
        assert queries.get_run(session, kept.id).status == status
        assert len(queries.steps_of_run(session, kept.id)) == 1


def test_staff_events_are_kept_longer_than_other_events() -> None:
    names = {
        "order.created", "login.throttled", "run.stuck", "staff.acted", "role.granted", "role.revoked", "role.created",
        "role.changed", "role.deleted", "key.created", "key.revoked",
    }  # fmt: skip
    with transaction() as session:
        write_events(session, names)
        session.execute(
            text("""UPDATE workflow.event
            SET id = uuidv7(interval '-401 days'), created_at = now() - interval '401 days'""")
        )
    assert deleted("events", "staff_events") == {"events": 3}
    with transaction() as session:
        kept = set(session.scalars(select(event_log.Event.name)))
    assert kept == names - {"order.created", "login.throttled", "run.stuck"}


def test_a_notification_is_kept_while_its_run_is_live() -> None:
    write(500, "notifications")
    with transaction() as session:
        run_id = durable.start(session, "restock", "po_1", some_input("restock"))
        session.execute(text("UPDATE workflow.run SET id = uuidv7(interval '-2 years')"))
        renamed = update(notifications.Notification).where(notifications.Notification.key == "checkout:450")
        session.execute(renamed.values(key="restock:po_1:goods_ordered"))
    assert run_id
    assert deleted("notifications") == {"notifications": 99}
    with transaction() as session:
        session.execute(text("UPDATE workflow.run SET status = 'succeeded', finished_at = now()"))
    assert deleted("notifications") == {"notifications": 1}


@pytest.mark.parametrize(("status", "kept"), [("running", 1), ("failed", 1), ("cancelled", 0), (None, 0)])
def test_an_unfinished_import_is_deleted_once_its_run_cannot_finish_it(status: str | None, kept: int) -> None:
    write(500, "imports")
    with transaction() as session:
        session.execute(text("UPDATE catalogue.import SET finished_at = NULL WHERE sha256 = '450'"))
        if status:
            run_id = durable.start(session, "catalogue_import", "imp_1", some_input("catalogue_import"))
            ended = None if status == "running" else datetime.now(UTC)
            session.execute(update(RunRecord).where(RunRecord.id == run_id).values(status=status, finished_at=ended))
            session.execute(update(imports.Import).where(imports.Import.sha256 == "450").values(run_id=run_id))
    assert deleted("imports") == {"imports": 3 * (500 - 90 - kept)}
    assert (rows(imports.Import), rows(imports.Chunk), rows(imports.Refused)) == (90 + kept,) * 3


def test_a_recent_row_with_a_random_id_is_kept() -> None:
    with transaction() as session:
        write_events(session, ["order.created", "staff.acted"])
        durable.start(session, "welcome", "x", some_input("welcome"))
        small = "('00000000-0000-4000-8000-' || left(md5(name), 12))::uuid"  # like a random UUID
        session.execute(text(f"UPDATE workflow.event SET id = {small}"))  # noqa: S608
        session.execute(text("UPDATE workflow.run SET id = '00000000-0000-4000-8000-000000000001'"))
    assert deleted() == {}


# ---- the audit after a deletion


def _age(sale: Sale, days: int) -> None:
    """Moves the sale into the past, including the timestamps in its ids."""
    with transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in (
            "UPDATE workflow.run SET id = uuidv7(:ago), created_at = now() + :ago, finished_at = now() + :ago",
            'UPDATE orders."order" SET run_id = (SELECT id FROM workflow.run), created_at = now() + :ago',
            "UPDATE notifications.notification SET id = uuidv7(:ago), created_at = now() + :ago",
        ):
            session.execute(text(statement), {"ago": timedelta(days=-days)})


@pytest.mark.parametrize(
    ("days", "gone"), [(89, {}), (91, {"runs": 1}), (399, {"runs": 1}), (401, {"runs": 1, "notifications": 1})]
)
def test_an_order_outlives_its_run_and_notification(sold: Sale, days: int, gone: dict[str, int]) -> None:
    _age(sold, days)
    assert deleted("runs", "notifications") == gone
    assert list(broken(ledger(sold))) == []
    assert (rows(orders.Order), rows(orders.Line), rows(orders.Invoice), rows(inventory.Movement)) == (1, 1, 1, 1)


def test_the_audit_finds_a_missing_notification_after_its_run_is_deleted(sold: Sale) -> None:
    _age(sold, 91)
    deleted("runs")
    with transaction() as session:
        session.execute(text("DELETE FROM notifications.notification"))
    assert list(broken(ledger(sold))) == ["every customer was notified of the order's result"]


def test_the_audit_finds_an_open_purchase_order_without_a_run() -> None:
    book = product("BOOK", 1)
    with transaction() as session:
        warehouse = session.scalars(select(inventory.Warehouse.id)).one()
        inventory.restock(session, {book: 5}, warehouse)
        session.execute(text("DELETE FROM workflow.run"))
        (order_id,) = session.scalars(select(inventory.PurchaseOrder.id))
    assert broken(ledger())["every open purchase order has a live run"] == [order_id]
