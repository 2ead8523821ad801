"""A form takes effect once: its hidden token is an idempotency key, as the header is for programs."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response, g, request
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from models.core import idempotency
from models.core.database import transaction
from models.core.errors import BadRequest, NotFound
from web import csrf
from web.pages import lead

FIELD = "once"
SHORTEST, LONGEST = 16, 64


def new_token() -> str:
    """The token of a form that is shown now."""
    return secrets.token_urlsafe(24)


class Undoable(NamedTuple):
    """Where a form leads, and what was there before: JSON, which is kept with its token for a day."""

    address: str
    before: dict[str, Any]


def once(work: Callable[[Session], str | Undoable]) -> Response:
    """Does `work` in a transaction and leads to the address that it returns; a form that is sent again only leads.

    Raises BadRequest for a form without a token, and what `work` raises.
    """
    owner, name = g.principal.user_id, key()
    with transaction() as session:
        first = idempotency.claim(session, owner, name, fingerprint())
        done = work(session) if first is None else first.body
        if first is None:
            idempotency.save(session, owner, name, idempotency.StoredResponse(303, done, {}))
    return lead(done if isinstance(done, str) else done[0])


def once_for_many(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `work` returns, which has transactions of its own. A form that is sent again gets the same.

    Meanwhile the transaction of the form's token is idle, and holds nothing else. PostgreSQL would end it after a few
    seconds, and with it the answer to what was done. Raises as `once`.
    """
    owner, name = g.principal.user_id, key()
    with transaction() as session:
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2min'"))  # longer than any request
        first = idempotency.claim(session, owner, name, fingerprint())
        if first is not None:
            kept: dict[str, Any] = first.body
            return kept
        done = work()
        idempotency.save(session, owner, name, idempotency.StoredResponse(200, done, {}))
    return done


def find_before(session: Session, token: str) -> dict[str, Any]:
    """What was there before the form with this token, of whoever is signed in. Raises NotFound."""
    first = idempotency.find(session, g.principal.user_id, f"form:{token}")
    if first is None or not isinstance(first.body, list):
        raise NotFound("There is nothing to undo.")
    before: dict[str, Any] = first.body[1]
    return before


def key() -> str:
    """The idempotency key of this form. Raises BadRequest."""
    given = request.form.get(FIELD, "")
    if not SHORTEST <= len(given) <= LONGEST:
        raise BadRequest("This form has no token. Reload the page and send it again.", code="form_expired")
    return f"form:{given}"


def fingerprint() -> str:
    """A hash of the address, of what was filled in, and of the files."""
    sent = sorted((name, value) for name, value in request.form.items(multi=True) if name not in (FIELD, csrf.FIELD))
    sent += [(name, _digest(file)) for name, file in request.files.items(multi=True)]
    return hashlib.sha256(f"{request.path}\n{sent}".encode()).hexdigest()


def _digest(file: FileStorage) -> str:
    digest = hashlib.file_digest(file.stream, "sha256")  # type: ignore[arg-type]  # it can be read
    file.stream.seek(0)
    return digest.hexdigest()
