"""Tasks: the runs that requests have started, for their owners to follow."""

from typing import Any

from flask import Response, g, request, url_for
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from api.http import event_stream
from api.http.auth import identified
from api.http.errors import refuses
from api.http.fields import IdField, Schema, Timestamp
from api.http.run_waiter import MAX_WAIT, wait_for_end
from durable import UnknownWorkflow, plan, queries
from durable.workflow import workflow_of
from models.core.database import single_statements
from models.core.errors import NotFound

blueprint = Blueprint("tasks", __name__, url_prefix="/v1", description="Work that takes time, and how far it is")


STATUSES = ("running", "waiting", "compensating", "succeeded", "cancelled", "failed")


class WaitQuery(Schema):
    wait = fields.Float(
        load_default=0.0,
        validate=validate.Range(0, MAX_WAIT),
        metadata={"description": "Seconds to hold the answer until the task has ended"},
    )


class TaskStep(Schema):
    name = fields.String()
    queue = fields.String()
    status = fields.String(validate=validate.OneOf(("intent", "done", "refused")))
    attempts = fields.Integer()
    started_at = Timestamp()
    finished_at = Timestamp(allow_none=True)
    error = fields.Function(lambda step: shown(step.error), metadata={"type": ["object", "null"]})


class TaskProgress(Schema):
    done = fields.Integer()
    total = fields.Integer()


class Task(Schema):
    id = IdField("run")
    workflow = fields.String()
    status = fields.String(validate=validate.OneOf(STATUSES))
    progress = fields.Nested(TaskProgress)
    steps = fields.List(fields.Nested(TaskStep))
    result = fields.Dict(allow_none=True)
    error = fields.Dict(allow_none=True)
    links = fields.Dict(keys=fields.String(), values=fields.String())
    created_at = Timestamp()
    finished_at = Timestamp(allow_none=True)


class Accepted(Schema):
    """The answer to a request whose work goes on."""

    task_id = IdField("run", required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


@blueprint.route('/tasks/<id("run"):run_id>')
class TaskView(MethodView):
    @identified
    @blueprint.arguments(WaitQuery(), location="query")
    @blueprint.response(200, Task)
    def get(self, query: dict[str, Any], run_id: str) -> dict[str, Any]:
        """How far a task is. With `wait`, answers when it has ended, or when the time is over.

        The owner and staff who may read runs see it; for anybody else it does not exist.
        """
        wait_for_end(run_id, query["wait"], lambda: _visible(glance(run_id)).ended)
        with single_statements() as connection:
            run, steps = queries.run_with_steps(connection, run_id)
        return task_view(_visible(run), steps)


@blueprint.route('/tasks/<id("run"):run_id>/events')
class TaskEventsView(MethodView):
    @identified
    @refuses("too_many_streams")
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


def glance(run_id: str) -> Any:
    """Whose the run is, and whether it has ended. Raises NotFound."""
    with single_statements() as connection:
        return queries.owner_of(connection, run_id)


def task_view(run: Any, steps: Any) -> dict[str, Any]:
    """A run as its owner sees it."""
    done, total = _counted(run, steps)
    same = ("id", "workflow", "status", "result", "created_at", "finished_at")
    return {
        **{name: getattr(run, name) for name in same},
        "progress": {"done": done, "total": done if run.finished_at else total},
        "steps": steps,
        "error": shown(run.error),
        "links": links(run),
    }


def _counted(run: Any, steps: Any) -> tuple[int, int]:
    """How many steps are done, and how many there are. Of a workflow that is gone only those that were begun count."""
    try:
        workflow = workflow_of(run.workflow, run.version)
    except UnknownWorkflow:
        return sum(step.status == "done" for step in steps), len(steps)
    return plan.counted(workflow, plan.progress_in(run.status, steps))


def shown(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """An error without what is only for us: the HTTP status that it would have had, and a bug's own words."""
    return error and {name: value for name, value in error.items() if name not in ("status", "step", "trace")}


def links(run: Any) -> dict[str, str]:
    """Where the task is, and what it is about."""
    found = {"task": url_for("tasks.TaskView", run_id=run.id)}
    if "order_id" in run.input:
        found["order"] = url_for("orders.OrderView", order_id=run.input["order_id"])
    if "purchase_order_id" in run.input:
        order_id = run.input["purchase_order_id"]
        found["purchase_order"] = url_for("inventory.PurchaseOrderView", purchase_order_id=order_id)
    if "import_id" in run.input:
        found["import"] = url_for("catalogue.ImportView", import_id=run.input["import_id"])
    if run.result and "report_id" in run.result:
        found["report"] = url_for("reports.ReportView", report_id=run.result["report_id"])
    return found
