"""The Idempotency-Key header: a POST that is repeated has its effect once and its answer every time."""

import hashlib
from collections.abc import Callable
from functools import wraps

from flask import Response, g, jsonify, make_response, request
from flask.views import MethodView

from api.http import audit_log
from api.http.fields import taking
from models.core import idempotency
from models.core.database import single_statements, transaction
from models.core.errors import BadRequest

MAX_LENGTH = 255
HEADER = "Idempotency-Key"
OWN_HEADERS = ("Content-Type", "Content-Length")  # of the response, not of the answer


def idempotent(
    *, required: bool = False, one_statement: bool = False, stands_for: Callable[[], str] | None = None
) -> Callable[[Callable[..., object]], Callable[..., Response]]:
    """Opens the transaction of a method `(self, session, …)` and keeps its answer with its effect.

        @signed_in
        @blueprint.arguments(NewThing)
        @idempotent()
        @blueprint.response(201, Thing)
        def post(self, session, body): …

    It stands above `response`, so that what is kept is the JSON that goes out. The first request writes the key's
    row in the same transaction; a second one with the same key waits for its end and gets the same answer with
    `Idempotent-Replayed: true`, however close together they come. A refusal rolls back and keeps nothing. What a
    view does after the commit, such as waiting for a task, happens around the method and is not kept. Raises
    BadRequest (`idempotency_key_required` where it is `required`, `idempotency_key_too_long`) and Invalid
    (`idempotency_key_reused`).

    `one_statement`: what the method writes is one statement, so that without a key it needs no transaction.
    `stands_for`: what stands for the body where that is a file; its bytes otherwise.
    """
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH}
    header = {"in": "header", "name": HEADER, "required": required, "schema": schema}
    without_key = single_statements if one_statement else transaction

    def decorate(method: Callable[..., object]) -> Callable[..., Response]:
        @wraps(method)
        def wrapper(self: MethodView, *args: object, **kwargs: object) -> Response:
            key = _key(required)
            if key is None:
                with without_key() as session:
                    return audit_log.noted(make_response(method(self, session, *args, **kwargs)))
            owner = g.principal.user_id
            with transaction() as session:
                first = idempotency.claim(session, owner, key, _fingerprint(stands_for))
                if first is not None:
                    return _replay(first)
                response = audit_log.noted(make_response(method(self, session, *args, **kwargs)))
                idempotency.keep(session, owner, key, _answer(response))
            return response

        return taking(header)(wrapper)

    return decorate


def _key(required: bool) -> str | None:
    key = request.headers.get(HEADER)
    if not key:
        if required or key is not None:  # an empty one is a slip of who meant to be safe
            raise BadRequest("This request needs an Idempotency-Key.", code="idempotency_key_required")
        return None
    if len(key) > MAX_LENGTH:
        raise BadRequest(f"An Idempotency-Key has at most {MAX_LENGTH} characters.", code="idempotency_key_too_long")
    return key


def _fingerprint(stands_for: Callable[[], str] | None) -> str:
    """Stands for the request: method, address and the very bytes of the body."""
    body = request.get_data() if stands_for is None else stands_for().encode()
    return hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + body).hexdigest()


def _answer(response: Response) -> idempotency.Answer:
    headers = {name: value for name, value in response.headers if name not in OWN_HEADERS}
    return idempotency.Answer(response.status_code, response.get_json(), headers)


def _replay(first: idempotency.Answer) -> Response:
    response = make_response(jsonify(first.body), first.status, first.headers)
    response.headers["Idempotent-Replayed"] = "true"
    return response
