"""The hourly cleanup in batches, with real workers."""

from sqlalchemy import select

import durable
from durable import queries
from durable.tables import RunRecord
from local.waiting import wait_until
from models.core.database import transaction
from models.operations import retention, retention_rules
from tests.models import aged
from tests.shop import Shop


def _is_clean() -> bool:
    with transaction() as session:
        live = session.scalars(select(RunRecord.id).where(RunRecord.finished_at.is_(None))).all()
        return not live and not any(retention.count(session, kind) for kind in retention_rules.KINDS)


def test_cleanup_continues_in_further_runs_until_done(shop: Shop, database: None) -> None:
    with transaction() as session:
        aged.write(session, 4000)
        durable.start(session, "clean_up", key="slot", input={"slot": "slot"})
    assert wait_until(_is_clean, 60, 0.1)
    with transaction() as session:
        runs = select(RunRecord).where(RunRecord.workflow == "clean_up").order_by(RunRecord.created_at)
        done = session.scalars(runs).all()
        steps = queries.steps_of_runs(session, [run.id for run in done])
        assert [run.key for run in done] == ["slot", *(f"slot/{number}" for number in range(2, len(done) + 1))]
        assert len(done) > 5
        for run in done:
            (step,) = steps[run.id]
            assert step.output is not None
            assert sum(step.output["deleted"].values()) <= retention.BATCH_SIZE
            assert ("next" in step.output) is (run is not done[-1])
