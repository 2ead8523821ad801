"""Due runs, and the decisions of a dispatcher about them. Nothing is committed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from durable import decisions, queries, transitions
from durable.backlog import Backlog
from durable.decisions import Publication
from durable.tables import RunRecord, StepRecord
from durable.tests.app import QUEUES
from durable.tests.driving import flat, names

NONE = dict.fromkeys(QUEUES, 0)
EMPTY, LONG = Backlog(NONE, {}), Backlog(dict.fromkeys(QUEUES, 400), {})
OVER = datetime(2020, 1, 1, tzinfo=UTC)
WITHDRAW, CLEAR, CLOSE = "bank.withdraw", "clearing.clear", "bank.close"
PAST_PIVOT, BESIDE = [WITHDRAW, CLEAR, "bank.deposit"], ["bank.statement", "mail.confirm"]
BACK = ["undo:bank.withdraw", "bank.reject", "undo:clearing.clear", "mail.regret"]


def due(session: Session, *done: str, workflow: str = "transfer", **values: Any) -> RunRecord:
    """A run published 10 s ago with an expired lease, with these steps done."""
    run_id = transitions.start(session, workflow, values.pop("key", "it"), {"source": "a", "target": "b", "amount": 1})
    session.info.clear()
    run = queries.get_run(session, run_id)
    run.published_at = datetime.now(UTC) - timedelta(seconds=10)
    run.lease_until = datetime.now(UTC) - timedelta(seconds=1)
    for name, value in values.items():
        setattr(run, name, value)
    add_steps(session, run, "done", *done)
    return run


def add_steps(session: Session, run: RunRecord, status: str, *names: str, **values: Any) -> None:
    for name in names:
        queue = name.removeprefix("undo:").split(".")[0]
        step = StepRecord(run_id=run.id, name=name, status=status, queue=queue, started_at=datetime.now(UTC), **values)
        session.add(step)
    session.flush()


def decide(session: Session, run: RunRecord, backlog: Backlog = EMPTY) -> Publication | None:
    session.flush()
    decided = decisions.decide(session, run, queries.steps_of_run(session, run.id), backlog, datetime.now(UTC))
    session.flush()
    session.refresh(run)
    return decided


def published(decided: Publication | None) -> list[str]:
    assert decided is not None
    return flat(names(decided[2]))


def seconds_left(run: RunRecord) -> float:
    return (run.lease_until - datetime.now(UTC)).total_seconds()
