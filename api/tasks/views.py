"""Views of tasks: the runs that requests have started."""

from collections.abc import Sequence
from typing import TypeVar

from flask import Response, g, request
from flask.views import MethodView
from sqlalchemy import Connection, Row
from sqlalchemy.orm import Session

from api.http import event_stream
from api.http.auth import user_or_api_key
from api.http.errors import error_codes
from api.http.run_waiter import wait_for_end
from api.tasks.blueprint import blueprint
from api.tasks.links import links_of
from api.tasks.schemas import Task, WaitQuery, shown_error
from durable import UnknownWorkflow, plan, queries
from durable.tables import RunRow, StepRow
from durable.workflow import workflow_of
from models import payments
from models.core.database import single_statements
from models.core.errors import NotFound
from models.operations.visibility import may_see_run

Seen = TypeVar("Seen", RunRow, Row[str | None, bool, bool])


@blueprint.route('/tasks/<id("run"):run_id>')
class TaskView(MethodView):
    @user_or_api_key
    @blueprint.arguments(WaitQuery(), location="query")
    @blueprint.response(200, Task)
    def get(self, query: dict[str, float], run_id: str) -> dict[str, object]:
        """Returns a task with its progress.

        With `wait`, responds when the task has ended, when it begins to wait for its customer, or after that time.

        404 unless the task is yours or you have the permission `runs:read`.
        """
        wait_for_end(run_id, query["wait"], lambda: _visible(get_owner_and_end(run_id)).ended)
        with single_statements() as connection:
            run, steps = queries.run_with_steps(connection, run_id)
            action = find_next_action(connection, run) if _may_wait(steps) else None
        return task_view(_visible(run), steps, action)


@blueprint.route('/tasks/<id("run"):run_id>/events')
class TaskEventsView(MethodView):
    @user_or_api_key
    @error_codes("too_many_streams")
    @blueprint.response(200, {"type": "string"}, content_type="text/event-stream")
    @blueprint.alt_response(204, description="The stream has ended: `Last-Event-ID` is `end`")
    def get(self, run_id: str) -> Response:
        """Streams a task as server-sent events: its state, whenever it changes, until it has ended.

        The last event has the id `end`. A stream lasts at most five minutes; reconnect to continue. Each process has
        a limited number of streams; 503 `too_many_streams` when all are taken.
        """
        _visible(get_owner_and_end(run_id))
        if request.headers.get("Last-Event-ID") == event_stream.END:
            return Response(status=204)  # tells an EventSource not to reconnect
        return event_stream.stream_run(run_id, lambda: _state(run_id))


def _state(run_id: str) -> event_stream.State:
    with single_statements() as connection:
        run, steps = queries.run_with_steps(connection, run_id)
        _visible(run)  # `g.principal` may have lost a permission since the stream began
        action = find_next_action(connection, run) if _may_wait(steps) else None
    shown = task_view(run, steps, action)
    return event_stream.State(Task().dumps(shown), run.finished_at is not None)


def _may_wait(steps: Sequence[StepRow]) -> bool:
    """Whether a checkout is between the step that authorises its payment and the end of the wait for its customer."""
    done = {step.name for step in steps if step.status == "done"}
    return "payments.authorise" in done and "payments.await_customer" not in done


def _visible(run: Seen) -> Seen:
    if not may_see_run(g.principal, run.owner):
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


def task_view(run: RunRow, steps: Sequence[StepRow], next_action: dict[str, object] | None = None) -> dict[str, object]:
    """A run as the API shows it to its owner."""
    done, total = _count_steps(run, steps)
    same = ("id", "workflow", "status", "result", "created_at", "finished_at")
    return {
        **{name: getattr(run, name) for name in same},
        "progress": {"done": done, "total": done if run.finished_at else total},
        "steps": steps,
        "error": shown_error(run.error),
        "links": links_of(run),
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
