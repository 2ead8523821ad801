"""`Prefer: wait=N` (RFC 7240, section 4.3): a request that starts a run can return the run's result."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema
from sqlalchemy.orm import Session

from api.http.errors import error_codes, problem
from api.http.fields import apidoc, documents_header
from api.http.run_waiter import wait_for_end
from durable import queries
from durable.tables import RunRecord
from models.core.database import transaction
from serving.run_waiter import MAX_WAIT
from serving.tasks import find_next_action, get_owner_and_end

RUN_CODES = ("deadline_exceeded", "too_many_attempts", "cancelled_by_operator")
"""The error codes with which any run can be cancelled."""

P = ParamSpec("P")


@dataclass(frozen=True)
class WaitResult:
    """The result of a view's run: `load(session, run)` returns the resource that `schema` shows, and `link` names the
    task's link to it. With `reports_refusal`, a refused run is returned as an error response."""

    schema: type[Schema]
    link: str
    load: Callable[[Session, RunRecord], object]
    status: int = 201
    reports_refusal: bool = True


def preferred_wait() -> float:
    """Seconds that the client prefers to wait, at most 30."""
    found = re.search(r"\bwait=(\d{1,9})\b", request.headers.get("Prefer", ""))
    return min(float(found[1]), MAX_WAIT) if found else 0.0


def may_wait(result: WaitResult) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, Response]]:
    """Waits, after the commit, for the end of the run that the view has started, if the client prefers that.

    Must be above `idempotent`. Documents itself. If the run is suspended or does not end in time, the response stays
    202; it has the `next_action` of a run that waits for its customer.
    """

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, Response]:
        @wraps(view)
        def waiting(*args: P.args, **kwargs: P.kwargs) -> Response:
            accepted = make_response(view(*args, **kwargs))
            seconds = preferred_wait()
            return _await_run(result, accepted, seconds) if accepted.status_code == 202 and seconds else accepted

        return error_codes(*RUN_CODES if result.reports_refusal else ())(_documented(waiting, result))

    return decorate


def _await_run(result: WaitResult, accepted: Response, seconds: float) -> Response:
    """Returns the result of the run, or the 202 if the run is suspended or does not end in time."""
    run_id = accepted.get_json()["task_id"]
    wait_for_end(run_id, seconds, lambda: _is_settled(run_id))
    with transaction() as session:
        run = queries.get_run(session, run_id)
        if action := find_next_action(session, run):
            accepted.set_data(json.dumps({**accepted.get_json(), "status": "waiting", "next_action": action}))
        if run.finished_at is None or run.status == "failed":
            return accepted  # a failed run requires an operator
        answer = _answer(result, session, run, accepted.get_json())
    answer.headers["Preference-Applied"] = f"wait={seconds:.0f}"
    if "Idempotent-Replayed" in accepted.headers:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


def _is_settled(run_id: str) -> bool:
    found = get_owner_and_end(run_id)
    return bool(found.ended or found.waits)


def _answer(result: WaitResult, session: Session, run: RunRecord, body: dict[str, Any]) -> Response:
    if run.error is None or not result.reports_refusal:
        shown = result.schema().dump(result.load(session, run))
        return make_response(shown, result.status, {"Location": _link(result, body, shown)})
    refusal = {name: value for name, value in run.error.items() if name not in ("step", "trace")}
    about = {name: value for name, value in body.items() if name.endswith("_id")}
    return problem(**{"status": 409, **refusal, **about})


def _link(result: WaitResult, body: dict[str, Any], shown: dict[str, Any]) -> str:
    """The URL of the resource. A resource that the run has created links to itself."""
    found: str = body["links"].get(result.link) or shown["links"]["self"]
    return found


def _documented(view: Callable[P, Response], result: WaitResult) -> Callable[P, Response]:
    header = {
        "in": "header", "name": "Prefer", "schema": {"type": "string", "pattern": r"^wait=\d{1,9}$"},
        "description": f"`wait=N`: seconds to wait for the result, at most {MAX_WAIT:.0f}", "example": "wait=10",
    }  # fmt: skip
    view = documents_header(header)(view)
    shown = {
        "schema": result.schema(), "content_type": None,
        "description": f"With `Prefer: wait`, if the run ended in time: the {result.link.replace('_', ' ')}",
        "headers": {name: {"schema": {"type": "string"}} for name in ("Location", "Preference-Applied")},
    }  # fmt: skip
    responses = apidoc(view).setdefault("response", {}).setdefault("responses", {})
    responses.setdefault(result.status, []).append(shown)
    return view
