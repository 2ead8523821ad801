"""Retention in batches: their limit, their order, and the rows that a batch reads."""

from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from models import reports
from models.core import event_log
from models.core.database import transaction
from models.operations import retention, retention_rules
from tests.models import aged
from tests.models.plans import Explain, nodes
from tests.models.pruning import all_batches, deleted, sums, write


def test_a_batch_respects_its_limit_and_the_next_one_continues() -> None:
    write(1000, "webhook_events", "runs", "imports")
    done = all_batches("webhook_events", "runs", "imports", size=100)
    assert len(done) > 10
    assert sums(done) == {"webhook_events": 910, "runs": 910, "imports": 3 * 910}
    assert max(found.get("webhook_events", 0) for found in done) == 100
    assert max(found.get("runs", 0) for found in done) == 12  # each run counts with its steps
    assert max(sum(found.values()) for found in done) <= 100


def test_rows_of_the_same_time_are_deleted_across_batches() -> None:
    write(500, "idempotency_keys", "webhook_events")
    with transaction() as session:
        session.execute(text("UPDATE workflow.idempotency_key SET created_at = now() - interval '5 days'"))
        session.execute(text("UPDATE payments.webhook_event SET received_at = now() - interval '99 days'"))
    done = all_batches("idempotency_keys", "webhook_events", size=30)
    assert sums(done) == {"idempotency_keys": 500, "webhook_events": 500}


def test_kept_rows_do_not_stop_a_batch() -> None:
    write(1000, "runs")
    with transaction() as session:
        session.execute(text("UPDATE workflow.run SET status = 'failed' WHERE key::int BETWEEN 200 AND 900"))
    assert sums(all_batches("runs", size=100)) == {"runs": 910 - 701}


def test_a_locked_row_is_skipped() -> None:
    write(100, "runs")
    with transaction() as other:
        other.execute(text("SELECT FROM workflow.run WHERE key = '95' FOR UPDATE"))
        assert deleted("runs") == {"runs": 9}
    assert deleted("runs") == {"runs": 1}


def _plan(
    session: Session, kind: retention_rules.Kind, rule: retention_rules.Rule, after: list[Any] | None
) -> dict[str, Any]:
    query = Explain(retention._delete(rule, after, LIMIT))
    (answer,) = session.execute(query, retention._limits(kind, retention._now(session), 0)).one()
    found: dict[str, Any] = answer[0]["Plan"]
    return found


LIMIT = 100
BY_RULE = {
    rule.name: (kind, rule)
    for kind in retention_rules.KINDS.values()
    for rule in kind.rules
    if rule.table is not event_log.Event or rule.name in ("event order.created", "event staff.acted")
}


@pytest.mark.parametrize("name", BY_RULE)
def test_a_batch_reads_a_bounded_part_of_a_large_table(name: str) -> None:
    kind, rule = BY_RULE[name]
    with transaction() as session:
        # A batch must not scan kept runs, nor events of other kinds.
        aged.write(session, 20_000, *{kind.name, "runs", "events", "staff_events", "carrier_updates"})
        if rule.table is reports.Line:
            session.execute(text("DELETE FROM reports.report"))
        session.execute(text("ANALYZE workflow.run, workflow.step, workflow.event"))
        table = inspect(rule.table).local_table
        for known in {table, *(key.column.table for key in table.foreign_keys)}:  # as autovacuum has seen them
            session.execute(text(f"ANALYZE {known}"))
    with transaction() as session:
        place = retention.prune(session, [kind.name], portion=LIMIT * rule.weight).place
        after = place["after"] if place and place["rule"] == rule.name else None
        for begins in (None, after):
            read = [
                node for node in nodes(_plan(session, kind, rule, begins))
                if node.get("Relation Name") and "Scan" in node["Node Type"]
            ]  # fmt: skip
            assert read
            for node in read:
                removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
                assert node["Node Type"] != "Seq Scan", node
                assert (node["Actual Rows"] + removed) * node["Actual Loops"] <= LIMIT + 1, node
        session.rollback()
