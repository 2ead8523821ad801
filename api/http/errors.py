"""Error handling: every error becomes a problem document (RFC 9457), never HTML."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from flask import Flask, Response, json, request
from flask_smorest import Blueprint
from gunicorn.http.errors import NoMoreData, ParseException
from marshmallow import INCLUDE, ValidationError, fields
from marshmallow import Schema as MarshmallowSchema
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException

from api.http.bounds import bounded, shorten
from api.server.connection import TooSlow
from durable import Refusal, Unavailable
from models.core.database import request_id
from models.core.errors import NotSignedIn
from serving.bounds import invalid

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., object])

CODES = {413: "body_too_large", 500: "internal_error"}
DETAILS = {
    404: "No such URL.",
    413: "The request body is too large.",
}
RETRY_AFTER = 1  # seconds; a database restarts in about that time


class Problem(MarshmallowSchema):
    """The body of every error response. Used only for the OpenAPI document."""

    class Meta:
        unknown = INCLUDE  # members that are specific to one code

    type = fields.String(required=True, metadata={"description": "URL of the explanation of the code"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "Explanation for people; may change at any time"})
    code = fields.String(required=True, metadata={"description": "Machine-readable error code; does not change"})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "Field → reasons; at most 20 reasons"},
    )
    truncated = fields.Boolean(metadata={"description": "Present and true if the document does not contain everything"})
    request_id = fields.String(required=True, allow_none=True)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **extra: object) -> Response:
    """A problem document of at most 64 kB as a response; `extra` contains its additional members."""
    body = {
        "type": f"/docs/errors#{code}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
        "code": code, **extra, "request_id": request_id.get(),
    }  # fmt: skip
    response = Response(bounded(body), status, headers, mimetype="application/problem+json")
    if status in (429, 503):
        response.headers.setdefault("Retry-After", str(extra.get("retry_after", RETRY_AFTER)))
    return response


SERVER_CODES = {408: "request_timeout", 414: "uri_too_long", 431: "headers_too_large"}


def raw_response(status: int, detail: str) -> bytes:
    """A complete HTTP response, for requests that gunicorn refuses before they reach the application."""
    code = SERVER_CODES.get(status) or ("internal_error" if status >= 500 else "bad_request")
    title = HTTPStatus(status).phrase
    document = {
        "type": f"/docs/errors#{code}",
        "title": title,
        "status": status,
        "detail": shorten(detail),
        "code": code,
    }
    body = json.dumps({**document, "request_id": None}).encode()
    head = (
        f"HTTP/1.1 {status} {title}", "Connection: close", "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
    )  # fmt: skip
    return "\r\n".join((*head, "", "")).encode() + body


def error_codes(*codes: str) -> Callable[[View], View]:
    """Documents the error codes of a view, beyond those that follow from its parameters, body and access rule."""

    def decorate(view: View) -> View:
        named = getattr(view, "_apidoc", {}).get("manual_doc", {}).get("x-codes", [])
        return Blueprint.doc(**{"x-codes": [*named, *codes]})(view)

    return decorate


def install(app: Flask) -> None:
    """Registers the error handlers."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(ValidationError, lambda error: _refused(invalid(error.messages)))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(TooSlow, lambda error: problem(408, "request_timeout", str(error)))
    for body_error in (NoMoreData, ParseException):
        app.register_error_handler(body_error, lambda error: problem(400, "bad_request", "The body is malformed."))
    for error_type in (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, Unavailable):
        app.register_error_handler(error_type, _unavailable)
    app.register_error_handler(exc.DBAPIError, lambda e: _unavailable(e) if e.connection_invalidated else _bug(e))
    app.register_error_handler(Exception, _bug)


def _refused(error: Refusal) -> Response:
    headers = {"WWW-Authenticate": _challenge(error)} if error.status in (401, 403) else {}
    return problem(error.status, error.code, error.detail, headers, **error.extra)


def _challenge(error: Refusal) -> str:
    """The WWW-Authenticate header (RFC 6750, section 3)."""
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
    log.warning("%s %s: a dependency is unavailable: %s", request.method, request.path, error)
    return problem(503, "unavailable", "The service is temporarily unavailable; try again shortly.")


def _bug(error: Exception) -> Response:
    log.error("%s %s failed (request %s)", request.method, request.path, request_id.get(), exc_info=error)
    return problem(500, "internal_error", "Something went wrong on our side.")
