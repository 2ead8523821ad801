"""Who did what: a change that needs a permission leaves an event, written in the transaction of the change.

Views under a permission write in a `transaction()`; what `single_statements` writes is not seen here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from flask import Response, request
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from models.core import events
from models.core.database import request_id
from models.core.event_types import StaffActed

current_action: ContextVar[StaffActed | None] = ContextVar("deed", default=None)

_HAS_WRITTEN = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
"""PostgreSQL numbers a transaction when it writes first. One that only read has left nothing to tell of: a question
that was sent by POST, or an answer that was given a second time."""


@contextmanager
def of(permission: str) -> Iterator[None]:
    """The first change that is committed meanwhile is told of as the event `staff.acted`."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        yield
        return
    names = request.view_args or {}
    subject = next((value for value in names.values() if isinstance(value, str)), None)
    deed = StaffActed(
        subject=subject, method=request.method, path=request.path, permission=permission, request_id=request_id.get()
    )
    token = current_action.set(deed)
    try:
        yield
    finally:
        current_action.reset(token)


@event.listens_for(Session, "before_commit")
def _tell(session: Session) -> None:
    deed = current_action.get()
    if deed is None:
        return
    session.flush()
    if session.scalar(_HAS_WRITTEN):
        current_action.set(None)  # what is woken after the commit has transactions of its own
        events.emit(session, deed)


def noted(response: Response) -> Response:
    """The response as it is. If its address named no id, the one in the answer is what was made.

    For views that answer before they commit, which `idempotent` sees to.
    """
    deed = current_action.get()
    if deed is not None and deed.subject is None and isinstance(answer := response.get_json(silent=True), dict):
        ids = (value for name, value in answer.items() if name == "id" or name.endswith("_id"))
        current_action.set(replace(deed, subject=next((value for value in ids if isinstance(value, str)), None)))
    return response
