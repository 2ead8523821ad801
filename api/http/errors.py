"""Everything that goes wrong becomes a problem document (RFC 9457), and nothing becomes HTML."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from flask import Flask, Response, json, request
from flask_smorest import Blueprint
from marshmallow import INCLUDE, ValidationError, fields
from marshmallow import Schema as MarshmallowSchema
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException

from durable import Refusal, Unavailable
from models.core.database import request_id
from models.core.errors import Invalid, NotSignedIn

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., object])

CODES = {413: "body_too_large", 500: "internal_error"}
DETAILS = {
    404: "There is nothing at this address.",
    413: "The body is larger than this address takes.",
}
RETRY_AFTER = 1  # seconds; a database that restarts is back in about that time


class Problem(MarshmallowSchema):
    """The body of every refusal and failure. Only used to describe it in the OpenAPI document."""

    class Meta:
        unknown = INCLUDE  # members that belong to one code

    type = fields.String(required=True, metadata={"description": "Where the code is explained"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "A sentence for people"})
    code = fields.String(required=True, metadata={"description": "What programs switch on"})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "Field → what is wrong with it"},
    )
    request_id = fields.String(required=True, allow_none=True)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **extra: object) -> Response:
    """A problem document as a response; `extra` stands in it beside the members of RFC 9457."""
    body = {
        "type": f"/docs/errors#{code}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
        "code": code, **extra, "request_id": request_id.get(),
    }  # fmt: skip
    response = Response(json.dumps(body), status, headers, mimetype="application/problem+json")
    if status in (429, 503):
        response.headers.setdefault("Retry-After", str(extra.get("retry_after", RETRY_AFTER)))
    return response


TOO_LONG = {414: "uri_too_long", 431: "headers_too_large"}


def raw_problem(status: int, detail: str) -> bytes:
    """A whole HTTP response, for requests that are so wrong that they never reach the application."""
    code = TOO_LONG.get(status) or ("internal_error" if status >= 500 else "bad_request")
    title = HTTPStatus(status).phrase
    document = {"type": f"/docs/errors#{code}", "title": title, "status": status, "detail": detail, "code": code}
    body = json.dumps({**document, "request_id": None}).encode()
    head = (
        f"HTTP/1.1 {status} {title}", "Connection: close", "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
    )  # fmt: skip
    return "\r\n".join((*head, "", "")).encode() + body


def error_codes(*codes: str) -> Callable[[View], View]:
    """Says in the OpenAPI document with which codes a view refuses, beyond those that follow from what it takes
    and who may use it."""

    def decorate(view: View) -> View:
        named = getattr(view, "_apidoc", {}).get("manual_doc", {}).get("x-codes", [])
        return Blueprint.doc(**{"x-codes": [*named, *codes]})(view)

    return decorate


def flat(messages: object, path: str = "") -> dict[str, list[str]]:
    """marshmallow's nested messages as field → faults: `{"address": {"city": […]}}` → `{"address.city": […]}`."""
    if isinstance(messages, dict):
        found: dict[str, list[str]] = {}
        for name, inner in messages.items():
            inner_path = path if name == "_schema" else f"{path}.{name}".lstrip(".")
            for field, faults in flat(inner, inner_path).items():
                found.setdefault(field, []).extend(faults)
        return found
    return {path or "body": [str(m) for m in (messages if isinstance(messages, list) else [messages])]}


def install(app: Flask) -> None:
    """Registers the handlers."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(ValidationError, lambda error: _refused(invalid(error.messages)))
    app.register_error_handler(HTTPException, _http_error)
    for absence in (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, Unavailable):
        app.register_error_handler(absence, _unavailable)
    app.register_error_handler(exc.DBAPIError, lambda e: _unavailable(e) if e.connection_invalidated else _bug(e))
    app.register_error_handler(Exception, _bug)


def invalid(messages: object) -> Invalid:
    """The refusal of fields, from marshmallow's messages."""
    return Invalid("Some fields can't be accepted; see errors.", errors=flat(messages))


def _refused(error: Refusal) -> Response:
    headers = {"WWW-Authenticate": _challenge(error)} if error.status in (401, 403) else {}
    return problem(error.status, error.code, error.detail, headers, **error.extra)


def _challenge(error: Refusal) -> str:
    """What to sign in with (RFC 6750, section 3)."""
    parts = ['Bearer realm="shopflow"']
    if error.code == "invalid_token":
        parts.append('error="invalid_token"')
    if not isinstance(error, NotSignedIn):
        parts.append('error="insufficient_scope"')
    return ", ".join(parts)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    messages = getattr(error, "data", {}).get("messages")  # webargs: {"json" | "query" | …: faults by field}
    if messages and status == 422:
        return _refused(invalid(next(iter(messages.values()))))
    code = CODES.get(status) or HTTPStatus(status).name.lower()
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    return problem(status, code, DETAILS.get(status) or error.description or "", headers)


def _unavailable(error: Exception) -> Response:
    log.warning("%s %s: a dependency is away: %s", request.method, request.path, error)
    return problem(503, "unavailable", "The shop can't do this just now; try again shortly.")


def _bug(error: Exception) -> Response:
    log.error("%s %s failed (request %s)", request.method, request.path, request_id.get(), exc_info=error)
    return problem(500, "internal_error", "Something went wrong on our side.")
