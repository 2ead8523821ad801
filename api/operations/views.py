"""Views for operators: runs, audit and events."""

from datetime import UTC, datetime
from typing import Any

from flask import Response
from flask.views import MethodView
from sqlalchemy.orm import Session

import durable
from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.fields import documents_header
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.operations import feed_stream
from api.operations.blueprint import blueprint
from api.operations.schemas import Audit, Event, EventQuery, FeedQuery, Replay, Run, RunQuery, Signal, SignalBody
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted, Task
from api.tasks.views import task_view
from durable import queries
from durable.tables import RunRecord
from models.core import audit_chain, event_log
from models.core.database import transaction
from models.core.errors import Invalid
from models.operations import run_search
from monitoring import invariants
from serving.run_signals import missing_members


def _task(session: Session, run: RunRecord) -> dict[str, object]:
    return task_view(run, queries.steps_of_run(session, run.id))


WAIT_RESULT = WaitResult(Task, "task", _task, status=200, reports_refusal=False)
"""Retry, cancel and signal return the task, whatever its status. A cancelled run is not an error of the request."""


@blueprint.route("/runs")
class RunsView(MethodView):
    @allowed("runs:read")
    @blueprint.arguments(RunQuery, location="query")
    @blueprint.response(200, page_of(Run))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns runs of all workflows, newest first. `/v1/tasks/{id}` returns a run with its steps."""
        place: PageArgs = {"limit": query.pop("limit"), "cursor": query.pop("cursor")}
        with transaction() as session:
            return page(session, run_search.find_runs(session, **query), RunRecord.id.desc(), **place)


@blueprint.route('/runs/<id("run"):run_id>/retry')
class RetryView(MethodView):
    @allowed("runs:write")
    @error_codes("run_over", "workflow_unknown")
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, run_id: str) -> TaskAnswer:
        """Resumes a failed or stuck run at the failed step, immediately and without a deadline."""
        run = durable.retry(session, run_id)
        return accept(run, status=run.status)


@blueprint.route('/runs/<id("run"):run_id>/cancel')
class CancelView(MethodView):
    @allowed("runs:write")
    @error_codes("run_over", "run_compensating", "past_pivot")
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, run_id: str) -> TaskAnswer:
        """Cancels a run: completed steps are compensated. 409 if it has ended or passed its pivot."""
        run = durable.cancel(session, run_id)
        return accept(run, status=run.status)


@blueprint.route('/runs/<id("run"):run_id>/replay')
class ReplayView(MethodView):
    @allowed("runs:write")
    @error_codes("not_replayable", "run_busy", "run_over", "run_compensating", "workflow_unknown")
    @blueprint.arguments(Replay)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: dict[str, str], run_id: str) -> TaskAnswer:
        """Performs a step of a run, and every later step, again.

        A run that has succeeded is resumed. 409 `not_replayable` if one of these steps must not be performed again.
        """
        run = durable.replay(session, run_id, body["step"])
        return accept(run, status=run.status)


@blueprint.route('/runs/<id("run"):run_id>/signals')
class SignalsView(MethodView):
    @allowed("runs:write")
    @blueprint.arguments(Signal)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: SignalBody, run_id: str) -> TaskAnswer:
        """Sends a signal with data to a live run and wakes it if it is waiting.

        422 if its workflow declares the signal with members that the data lacks.
        """
        if missing := missing_members(session, run_id, body["name"], body["data"]):
            reason = f"The signal {body['name']} needs {', '.join(missing)}."
            raise Invalid(reason, errors={"data": [reason]})
        durable.signal(session, run_id, **body)
        run = queries.get_run(session, run_id)
        return accept(run, status=run.status)


@blueprint.route("/audit")
class AuditView(MethodView):
    @allowed("audit:read")
    @blueprint.response(200, Audit)
    def get(self) -> dict[str, object]:
        """Checks the shop's invariants against the database and the payment gateway's ledger.

        What is away, a gateway or the store of pictures, is left out: `not_checked` names the invariants that need it.
        """
        checked_at = datetime.now(UTC)
        checked = invariants.check_what_is_possible()
        with transaction() as session:
            last = audit_chain.last_entry(session)
        return {
            "ok": checked.holds and not checked.unchecked, "checked_at": checked_at, "data": checked.findings,
            "audit_log": last, "not_checked": checked.unchecked, "gateway_error": checked.silent,
        }  # fmt: skip


@blueprint.route("/events")
class EventsView(MethodView):
    @allowed("runs:read")
    @blueprint.arguments(EventQuery, location="query")
    @blueprint.response(200, page_of(Event))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns events and their actors, newest first. With `after`, returns the feed of public events, oldest first.

        To follow the feed, ask for what is `after` the last `position` you have. Positions have no gaps: an event that
        is committed late gets a later position.
        """
        after = query.pop("after", None)
        chosen = {name: query.pop(name) for name in ("kind", "name", "type", "subject", "actor") if name in query}
        found = event_log.select_events(**chosen)
        with transaction() as session:
            if after is None:
                return page(session, found, event_log.Event.id.desc(), **query)
            return page(session, found.where(event_log.Event.position > after), event_log.Event.position, **query)


@blueprint.route("/events/stream")
class EventStreamView(MethodView):
    @allowed("runs:read")
    @error_codes("too_many_streams")
    @documents_header(feed_stream.HEADER)
    @blueprint.arguments(FeedQuery, location="query")
    @blueprint.response(200, {"type": "string"}, content_type="text/event-stream")
    def get(self, query: dict[str, Any]) -> Response:
        """Streams the feed of public events as server-sent events. The id of each is its position.

        Begins after the position in `Last-Event-ID`, or else in `after`, or else with what happens from now on. A
        stream lasts at most five minutes; reconnect to continue.
        """
        return feed_stream.stream(**query)
