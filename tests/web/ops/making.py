"""Runs in states that an operator meets, without workers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import durable
from durable import queries
from durable.ids import new_id
from durable.tables import AttemptRecord, RunRecord, StepRecord
from models.core.database import transaction
from tests.runs import some_input

WORKER = "orders@here machine:1/42"
DECLINED = {"status": 402, "code": "payment_declined", "detail": "Your card has insufficient funds.",
            "step": "payments.authorise"}  # fmt: skip
TRACE = {"trace": "ValueError: no such row", "where": "models/imports/reading.py:17"}


def started(workflow: str = "checkout", key: str = "", input: dict[str, Any] | None = None, **values: Any) -> str:
    """A run that nobody continues."""
    with transaction() as session:
        about = some_input(workflow, **(input or {}))
        run_id = durable.start(session, workflow, key or about.get("order_id") or new_id("ord"), about)
        session.info.clear()  # not to be published
        for name, value in values.items():
            setattr(queries.get_run(session, run_id), name, value)
    return run_id


def step(run_id: str, name: str, status: str = "done", **values: Any) -> None:
    """A step that has begun a second after the run."""
    with transaction() as session:
        run = queries.get_run(session, run_id)
        begun = run.created_at + timedelta(milliseconds=10)
        ended = begun + timedelta(milliseconds=25) if status == "done" else None
        row = {"queue": name.partition(".")[0].removeprefix("undo:"), "started_at": begun, "finished_at": ended,
               "worker": WORKER, **values}  # fmt: skip
        session.add(StepRecord(run_id=run_id, name=name, status=status, **row))


def failed(run_id: str, name: str, number: int = 1, error: dict[str, Any] | None = None) -> None:
    """An attempt that has failed."""
    with transaction() as session:
        now = datetime.now(UTC)
        session.add(
            AttemptRecord(run_id=run_id, step=name, number=number, worker=WORKER, error=error or TRACE,
                          started_at=now - timedelta(seconds=1), ended_at=now)
        )  # fmt: skip


def state(run_id: str) -> RunRecord:
    """The run as it is now."""
    with transaction() as session:
        return queries.get_run(session, run_id)


def stuck(**values: Any) -> str:
    """A checkout that cannot reach its gateway."""
    run_id = started(stuck_at=datetime.now(UTC), stuck_reason="payments.authorise failed 5 times", attempts=5, **values)
    step(run_id, "inventory.reserve")
    step(run_id, "payments.authorise", "intent", error=TRACE, attempts=5)
    for number in range(1, 6):
        failed(run_id, "payments.authorise", number)
    return run_id


def declined(**values: Any) -> str:
    """A checkout whose card was declined, and which was compensated."""
    run_id = started(status="cancelled", error=DECLINED, finished_at=datetime.now(UTC), **values)
    step(run_id, "inventory.reserve")
    step(run_id, "payments.authorise", "refused", error=DECLINED)
    step(run_id, "undo:inventory.reserve")
    step(run_id, "orders.cancel")
    return run_id
