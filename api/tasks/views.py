"""Views of tasks: the runs that requests have started."""

from collections.abc import Sequence

from flask import Response, g, request
from flask.views import MethodView

import serving.tasks
from api.http import event_stream
from api.http.auth import user_or_api_key
from api.http.errors import error_codes
from api.http.run_waiter import wait_for_end
from api.tasks.blueprint import blueprint
from api.tasks.links import links_of
from api.tasks.schemas import Task
from durable.tables import RunRow, StepRow
from serving.tasks import SeenTask, WaitQuery, get_owner_and_end, read_task, visible


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
        wait_for_end(run_id, query["wait"], lambda: visible(get_owner_and_end(run_id), g.principal).ended)
        return _with_links(read_task(run_id, g.principal))


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
        visible(get_owner_and_end(run_id), g.principal)
        if request.headers.get("Last-Event-ID") == event_stream.END:
            return Response(status=204)  # tells an EventSource not to reconnect
        return event_stream.stream_run(run_id, lambda: _state(run_id))


def _state(run_id: str) -> event_stream.State:
    seen = read_task(run_id, g.principal)  # it may have lost a permission since the stream began
    return event_stream.State(Task().dumps(_with_links(seen)), seen.run.finished_at is not None)


def _with_links(seen: SeenTask) -> dict[str, object]:
    return {**seen.view, "links": links_of(seen.run)}


def task_view(run: RunRow, steps: Sequence[StepRow]) -> dict[str, object]:
    """A run as the API shows it to the caller."""
    return {**serving.tasks.task_view(run, steps, g.principal), "links": links_of(run)}
