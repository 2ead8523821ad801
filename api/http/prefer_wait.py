"""`Prefer: wait=N` (RFC 7240, section 4.3): one request that starts work and answers with what has become of it."""

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
from api.http.fields import apidoc, taking
from api.http.run_waiter import MAX_WAIT, wait_for_end
from api.tasks.views import glance
from durable import queries
from durable.tables import RunRecord
from models.core.database import transaction

ENDS = ("deadline_exceeded", "too_many_attempts", "cancelled_by_operator")
"""With which codes any run may be turned back, whatever it is for."""

P = ParamSpec("P")


@dataclass(frozen=True)
class WaitResult:
    """What the work of a view comes to: `load(session, run)` gives the resource that `schema` shows, and `link` is
    the name of the task's link to it. With `tells_refusal`, the refusal of a run is answered as such."""

    schema: type[Schema]
    link: str
    load: Callable[[Session, RunRecord], object]
    status: int = 201
    tells_refusal: bool = True


def preferred_wait() -> float:
    """Seconds that the client would wait for the end, at most 30."""
    found = re.search(r"\bwait=(\d{1,9})\b", request.headers.get("Prefer", ""))
    return min(float(found[1]), MAX_WAIT) if found else 0.0


def may_wait(ending: WaitResult) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, Response]]:
    """Lets a client that prefers so wait for the end of what it has started, after the commit.

    Stands above `idempotent`, and documents itself. What does not end in time is answered as it was: 202.
    """

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, Response]:
        @wraps(view)
        def waiting(*args: P.args, **kwargs: P.kwargs) -> Response:
            accepted = make_response(view(*args, **kwargs))
            seconds = preferred_wait()
            return _ended(ending, accepted, seconds) if accepted.status_code == 202 and seconds else accepted

        return error_codes(*ENDS if ending.tells_refusal else ())(_documented(waiting, ending))

    return decorate


def _ended(ending: WaitResult, accepted: Response, seconds: float) -> Response:
    """The work's end, or the 202 if it does not come in time."""
    run_id = accepted.get_json()["task_id"]
    wait_for_end(run_id, seconds, lambda: glance(run_id).ended)
    with transaction() as session:
        run = queries.get_run(session, run_id)
        if run.finished_at is None or run.status == "failed":
            return accepted  # a failed one waits for a person
        answer = _answer(ending, session, run, accepted.get_json())
    answer.headers["Preference-Applied"] = f"wait={seconds:.0f}"
    if "Idempotent-Replayed" in accepted.headers:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


def _answer(ending: WaitResult, session: Session, run: RunRecord, body: dict[str, Any]) -> Response:
    if run.error is None or not ending.tells_refusal:
        shown = ending.schema().dump(ending.load(session, run))
        return make_response(shown, ending.status, {"Location": _link(ending, body, shown)})
    refusal = {name: value for name, value in run.error.items() if name not in ("step", "trace")}
    about = {name: value for name, value in body.items() if name.endswith("_id")}
    return problem(**{"status": 409, **refusal, **about})


def _link(ending: WaitResult, body: dict[str, Any], shown: dict[str, Any]) -> str:
    """Where the resource is. One that did not exist when the work was accepted says so itself."""
    found: str = body["links"].get(ending.link) or shown["links"]["self"]
    return found


def _documented(view: Callable[P, Response], ending: WaitResult) -> Callable[P, Response]:
    header = {
        "in": "header", "name": "Prefer", "schema": {"type": "string", "pattern": r"^wait=\d{1,9}$"},
        "description": f"`wait=N`: seconds to wait for the end, {MAX_WAIT:.0f} at most", "example": "wait=10",
    }  # fmt: skip
    view = taking(header)(view)
    shown = {
        "schema": ending.schema(), "content_type": None,
        "description": f"With `Prefer: wait`, if it ended in time: the {ending.link.replace('_', ' ')}",
        "headers": {name: {"schema": {"type": "string"}} for name in ("Location", "Preference-Applied")},
    }  # fmt: skip
    responses = apidoc(view).setdefault("response", {}).setdefault("responses", {})
    responses.setdefault(ending.status, []).append(shown)
    return view
