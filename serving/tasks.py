"""Tasks: the runs that requests have started, as their owners see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from marshmallow import fields, validate
from sqlalchemy import Connection, Row
from sqlalchemy.orm import Session

from durable import UnknownWorkflow, plan, queries
from durable.tables import RunRow, StepRow
from durable.workflow import workflow_of
from models import payments
from models.accounts import Principal
from models.core.database import single_statements
from models.core.errors import NotFound
from models.operations.visibility import may_see_run
from serving.fields import Schema
from serving.run_waiter import MAX_WAIT


def shown_error(error: dict[str, object] | None, principal: Principal) -> dict[str, object] | None:
    """An error without its internal members: HTTP status and step, and unless the caller may read all runs, `trace`
    (type and message of the exception) and `where` (the line that raised it)."""
    may_read = "runs:read" in principal.permissions
    hidden = ("status", "step") if may_read else ("status", "step", "trace", "where")
    return error and {name: value for name, value in error.items() if name not in hidden}


class WaitQuery(Schema):
    wait = fields.Float(
        load_default=0.0,
        validate=validate.Range(0, MAX_WAIT),
        metadata={"description": "Seconds to wait for the end of the task"},
    )


Seen = TypeVar("Seen", RunRow, Row[str | None, bool, bool])


def _may_wait(steps: Sequence[StepRow]) -> bool:
    """Whether a checkout is between the step that authorises its payment and the end of the wait for its customer."""
    done = {step.name for step in steps if step.status == "done"}
    return "payments.authorise" in done and "payments.await_customer" not in done


def visible(run: Seen, principal: Principal) -> Seen:
    """The run. Raises NotFound unless the principal may see it."""
    if not may_see_run(principal, run.owner):
        raise NotFound("No such task.")
    return run


def get_owner_and_end(run_id: str) -> Row[str | None, bool, bool]:
    """The owner of a run, whether it has ended, and whether it waits. Raises NotFound."""
    with single_statements() as connection:
        return queries.get_owner(connection, run_id)


def find_next_action(connection: Connection | Session, run: RunRow) -> dict[str, object] | None:
    """What the customer must do so that a checkout continues; None: nothing."""
    if run.workflow != "checkout" or run.finished_at is not None or "payment_id" not in run.input:
        return None
    return payments.find_next_action(connection, run.input["payment_id"])


def task_view(
    run: RunRow, steps: Sequence[StepRow], principal: Principal, next_action: dict[str, object] | None = None
) -> dict[str, object]:
    """A run as this principal sees it."""
    done, total = _count_steps(run, steps)
    same = ("id", "workflow", "status", "result", "created_at", "finished_at")
    return {
        **{name: getattr(run, name) for name in same},
        "progress": {"done": done, "total": done if run.finished_at else total},
        "steps": [_step_view(step, principal) for step in steps],
        "error": shown_error(run.error, principal),
        # While it asks the provider whether the customer has confirmed, the run is running.
        **({"status": "waiting", "next_action": next_action} if next_action else {}),
    }


def _count_steps(run: RunRow, steps: Sequence[StepRow]) -> tuple[int, int]:
    """Completed and total steps. If the workflow no longer exists, only started steps count."""
    try:
        workflow = workflow_of(run.workflow, run.version)
    except UnknownWorkflow:
        return sum(step.status == "done" for step in steps), len(steps)
    return plan.count_steps(workflow, plan.progress_in(run.status, steps))


def _step_view(step: StepRow, principal: Principal) -> dict[str, object]:
    same = ("name", "queue", "status", "attempts", "started_at", "finished_at")
    return {**{name: getattr(step, name) for name in same}, "error": shown_error(step.error, principal)}


@dataclass(frozen=True)
class SeenTask:
    """A run, and how it is shown."""

    run: RunRow
    view: dict[str, object]


def read_task(run_id: str, principal: Principal) -> SeenTask:
    """A task as it is now. Raises NotFound unless the principal may see it."""
    with single_statements() as connection:
        run, steps = queries.run_with_steps(connection, run_id)
        visible(run, principal)
        action = find_next_action(connection, run) if _may_wait(steps) else None
    return SeenTask(run, task_view(run, steps, principal, action))
