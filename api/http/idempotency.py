"""The Idempotency-Key header: a retried POST takes effect once and returns the same response."""

import hashlib
from collections.abc import Callable
from functools import wraps

from flask import Response, g, jsonify, make_response, request
from flask.views import MethodView

from api.http import audit_log
from api.http.fields import documents_header
from models.core import idempotency
from models.core.database import single_statements, transaction

HEADER = "Idempotency-Key"
OWN_HEADERS = ("Content-Type", "Content-Length")  # not stored: they are set again on replay


def idempotent(
    *, required: bool = False, one_statement: bool = False, body_digest: Callable[[], str] | None = None
) -> Callable[[Callable[..., object]], Callable[..., Response]]:
    """Opens the transaction of a method `(self, session, …)` and stores its response in it.

        @signed_in
        @blueprint.arguments(NewThing)
        @idempotent()
        @blueprint.response(201, Thing)
        def post(self, session, body): …

    It must be above `response`, so that the stored body is the JSON that was sent. The first request inserts the
    key's row in the transaction of its effect. A concurrent or later request with the same key waits for that
    transaction and gets the same response with `Idempotent-Replayed: true`. An error rolls back, and nothing is
    stored. What a view does after the commit, such as waiting for a task, is outside this decorator and not stored.
    Raises BadRequest (`idempotency_key_required` if `required`, `idempotency_key_too_long`) and Invalid
    (`idempotency_key_reused`).

    `one_statement`: the method writes with a single statement; without a key it then needs no transaction.
    `stands_for`: returns what to fingerprint in place of the body, if that is a file.
    """
    schema = {"type": "string", "minLength": 1, "maxLength": idempotency.MAX_LENGTH}
    header = {"in": "header", "name": HEADER, "required": required, "schema": schema}
    without_key = single_statements if one_statement else transaction

    def decorate(method: Callable[..., object]) -> Callable[..., Response]:
        @wraps(method)
        def wrapper(self: MethodView, *args: object, **kwargs: object) -> Response:
            key = _key(required)
            if key is None:
                with without_key() as session:
                    return audit_log.add_subject(make_response(method(self, session, *args, **kwargs)))
            owner = g.principal.user_id
            with transaction() as session:
                first = idempotency.claim(session, owner, key, _fingerprint(body_digest))
                if first is not None:
                    return _replay(first)
                response = audit_log.add_subject(make_response(method(self, session, *args, **kwargs)))
                idempotency.save(session, owner, key, _answer(response))
            return response

        return documents_header(header)(wrapper)

    return decorate


def _key(required: bool) -> str | None:
    return idempotency.check_key(request.headers.get(HEADER), required)


def _fingerprint(body_digest: Callable[[], str] | None) -> str:
    """A hash of the request: method, URL and the bytes of the body."""
    body = request.get_data() if body_digest is None else body_digest().encode()
    return hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + body).hexdigest()


def _answer(response: Response) -> idempotency.StoredResponse:
    headers = {name: value for name, value in response.headers if name not in OWN_HEADERS}
    return idempotency.StoredResponse(response.status_code, response.get_json(), headers)


def _replay(first: idempotency.StoredResponse) -> Response:
    response = make_response(jsonify(first.body), first.status, first.headers)
    response.headers["Idempotent-Replayed"] = "true"
    return response
