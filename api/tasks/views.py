"""Tasks: the runs that requests have started, for their owners to follow."""

from typing import Any

from flask import Response, g, request
from flask.views import MethodView
from sqlalchemy import Row

from api.http import event_stream
from api.http.auth import user_or_api_key
from api.http.errors import error_codes
from api.http.run_waiter import wait_for_end
from api.tasks.blueprint import blueprint
from api.tasks.links import links_of
from api.tasks.schemas import Task, WaitQuery, public_error
from durable import UnknownWorkflow, plan, queries
from durable.workflow import workflow_of
from models.core.database import single_statements
from models.core.errors import NotFound


@blueprint.route('/tasks/<id("run"):run_id>')
class TaskView(MethodView):
    @user_or_api_key
    @blueprint.arguments(WaitQuery(), location="query")
    @blueprint.response(200, Task)
    def get(self, query: dict[str, float], run_id: str) -> dict[str, object]:
        """How far a task is. With `wait`, answers when it has ended, or when the time is over.

        The owner and staff who may read runs see it; for anybody else it does not exist.
        """
        wait_for_end(run_id, query["wait"], lambda: _visible(glance(run_id)).ended)
        with single_statements() as connection:
            run, steps = queries.run_with_steps(connection, run_id)
        return task_view(_visible(run), steps)


@blueprint.route('/tasks/<id("run"):run_id>/events')
class TaskEventsView(MethodView):
    @user_or_api_key
    @error_codes("too_many_streams")
    @blueprint.response(200, {"type": "string"}, content_type="text/event-stream")
    @blueprint.alt_response(204, description="There is nothing to come: the last event was `end` (`Last-Event-ID`)")
    def get(self, run_id: str) -> Response:
        """The same as server-sent events: the task as it is, each time that it has changed, until it has ended.

        The last event has the id `end`. A stream lasts five minutes at most, and can be asked for again. Every process
        has a few places for streams; when all are taken: 503 `too_many_streams`.
        """
        _visible(glance(run_id))
        if request.headers.get("Last-Event-ID") == event_stream.END:
            return Response(status=204)  # which tells an EventSource not to ask again
        return event_stream.of_run(run_id, lambda: _state(run_id))


def _state(run_id: str) -> event_stream.State:
    with single_statements() as connection:
        run, steps = queries.run_with_steps(connection, run_id)
    return event_stream.State(Task().dumps(task_view(run, steps)), run.finished_at is not None)


def _visible(run: Any) -> Any:
    if run.owner != g.principal.user_id and "runs:read" not in g.principal.permissions:
        raise NotFound("There is no such task.")
    return run


def glance(run_id: str) -> Row[str | None, bool]:
    """Whose the run is, and whether it has ended. Raises NotFound."""
    with single_statements() as connection:
        return queries.owner_of(connection, run_id)


def task_view(run: Any, steps: Any) -> dict[str, object]:
    """A run as its owner sees it."""
    done, total = _counted(run, steps)
    same = ("id", "workflow", "status", "result", "created_at", "finished_at")
    return {
        **{name: getattr(run, name) for name in same},
        "progress": {"done": done, "total": done if run.finished_at else total},
        "steps": steps,
        "error": public_error(run.error),
        "links": links_of(run),
    }


def _counted(run: Any, steps: Any) -> tuple[int, int]:
    """How many steps are done, and how many there are. Of a workflow that is gone only those that were begun count."""
    try:
        workflow = workflow_of(run.workflow, run.version)
    except UnknownWorkflow:
        return sum(step.status == "done" for step in steps), len(steps)
    return plan.counted(workflow, plan.progress_in(run.status, steps))
