"""Runs that nobody performs, in the states that a test needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

import durable
from durable import queries
from durable.ids import new_id
from durable.tables import AttemptRecord, RunRecord, StepRecord
from durable.workflow import workflow_of
from models.core.database import transaction

UNKNOWN = "run_" + "0" * 32
WORKER = "orders@here machine:1/42"
TRACE = {"trace": "ValueError: no such row", "where": "models/imports/reading.py:17"}

VALUES: dict[str, Any] = {
    "quantities": {}, "available": 0, "reorder_point": 0, "slot": "2026-11-21", "touched": "", "device_id": None,
}  # fmt: skip
PREFIXES = {"order_id": "ord", "user_id": "usr", "product_id": "prd", "purchase_order_id": "po", "import_id": "imp",
            "warehouse_id": "wh", "cart_id": "crt", "picture_id": "pic", "transfer_id": "tfr",
            "notification_id": "ntf"}  # fmt: skip


def some_input(workflow: str, **given: Any) -> dict[str, Any]:
    """A valid input for the workflow, with ids of no rows."""
    made = {
        name: new_id(PREFIXES[name]) if name in PREFIXES else VALUES[name] for name in workflow_of(workflow).required
    }
    return {**made, **given}


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
    """A step that has begun 10 ms after the run, and after the steps before it."""
    with transaction() as session:
        run = queries.get_run(session, run_id)
        before = session.scalars(select(func.count()).where(StepRecord.run_id == run_id)).one()
        begun = run.created_at + timedelta(milliseconds=10, microseconds=before)
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
