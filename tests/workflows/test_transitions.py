"""Transitions of runs by workers and operators, in the database."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

import durable
import workflows  # noqa: F401  the workflows that there are
from durable import RunConflict, queries, store, transitions
from durable.ids import new_id
from durable.tables import RunRecord
from models.core.database import transaction

pytestmark = pytest.mark.usefixtures("database")


def _start(**values: Any) -> str:
    with transaction() as session:
        run_id = durable.start(session, "restock", key=new_id("test"), input={"purchase_order_id": new_id("po")})
        session.execute(update(RunRecord).where(RunRecord.id == run_id).values(values))
    return run_id


@pytest.mark.parametrize(("minutes", "hours"), [(-1, 24), (60, 1)])
def test_a_suspended_run_is_due_at_its_deadline_unless_that_has_passed(minutes: int, hours: int) -> None:
    run_id = _start(deadline=func.clock_timestamp() + timedelta(minutes=minutes))
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        transitions.suspend(session, run, "inventory.receive_goods", run.now() + timedelta(days=1))
    with transaction() as session:
        until, now = session.execute(select(RunRecord.lease_until, func.now()).where(RunRecord.id == run_id)).one()
    assert timedelta(hours=hours - 0.1) < until - now <= timedelta(hours=hours)


def test_a_run_of_an_unknown_workflow_can_only_be_cancelled() -> None:
    run_id = _start(workflow="of_a_release_before")
    with pytest.raises(RunConflict) as refused, transaction() as session:
        durable.retry(session, run_id)
    assert refused.value.code == "workflow_unknown"
    with transaction() as session:
        durable.cancel(session, run_id)
    with transaction() as session:
        assert queries.get_run(session, run_id).status == "cancelled"


def test_a_compensating_run_cannot_be_suspended() -> None:
    run_id = _start(status="compensating")
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        with pytest.raises(TypeError):
            transitions.suspend(session, run, "inventory.withdraw_goods", None)
