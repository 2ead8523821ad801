"""Tasks: the runs that requests have started, for their owners to follow."""

from typing import Any

from flask import g, url_for
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate
from sqlalchemy import bindparam, select

from api.auth import signed_in
from api.fields import Schema, Timestamp
from api.waiting import MAX_WAIT, wait_for_end
from models import runs
from models.database import transaction
from models.errors import NotFound
from workflows.engine import WORKFLOWS, counted, progress_of

blueprint = Blueprint("tasks", __name__, url_prefix="/v1", description="Work that takes time, and how far it is")


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
    id = fields.String()
    workflow = fields.String()
    status = fields.String(
        validate=validate.OneOf(("running", "waiting", "compensating", "succeeded", "cancelled", "failed"))
    )
    progress = fields.Nested(TaskProgress)
    steps = fields.List(fields.Nested(TaskStep))
    result = fields.Dict(allow_none=True)
    error = fields.Dict(allow_none=True)
    links = fields.Dict(keys=fields.String(), values=fields.String())
    created_at = Timestamp()
    finished_at = Timestamp(allow_none=True)


class Accepted(Schema):
    """The answer to a request whose work goes on."""

    task_id = fields.String()
    status = fields.String()
    order_id = fields.String()
    links = fields.Dict(keys=fields.String(), values=fields.String())


@blueprint.route('/tasks/<id("run"):run_id>')
class TaskView(MethodView):
    @signed_in
    @blueprint.arguments(WaitQuery, location="query")
    @blueprint.response(200, Task)
    def get(self, query: dict[str, Any], run_id: str) -> dict[str, Any]:
        """How far a task is. With `wait`, answers when it has ended, or when the time is over.

        The owner and staff who may read runs see it; for anybody else it does not exist.
        """
        with transaction() as session:
            run = runs.get(session, run_id)
            _visible(run)
            if run.finished_at or not query["wait"]:
                return task_view(run, runs.steps_of(session, [run_id])[run_id])
        wait_for_end(run_id, query["wait"], lambda: has_ended(run_id))
        with transaction() as session:
            return task_view(runs.get(session, run_id), runs.steps_of(session, [run_id])[run_id])


def _visible(run: runs.Run) -> None:
    if run.owner != g.principal.user_id and "runs:read" not in g.principal.permissions:
        raise NotFound("There is no such task.")


_HAS_ENDED = select(runs.Run.finished_at.is_not(None)).where(runs.Run.id == bindparam("run_id"))


def has_ended(run_id: str) -> bool:
    with transaction() as session:
        return session.scalars(_HAS_ENDED, {"run_id": run_id}).one()


def task_view(run: runs.Run, steps: list[runs.Step]) -> dict[str, Any]:
    """A run as its owner sees it."""
    progress = progress_of(run, steps)
    done, total = counted(WORKFLOWS[run.workflow], progress)
    same = ("id", "workflow", "status", "result", "created_at", "finished_at")
    return {
        **{name: getattr(run, name) for name in same},
        "progress": {"done": done, "total": done if run.finished_at else total},
        "steps": steps,
        "error": shown(run.error),
        "links": links(run),
    }


def shown(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """An error without what is only for us: the HTTP status that it would have had, and a bug's own words."""
    return error and {name: value for name, value in error.items() if name not in ("status", "step", "trace")}


def links(run: runs.Run) -> dict[str, str]:
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
