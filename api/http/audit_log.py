"""Audit log: every change that requires a permission is recorded as an event, in the transaction of the change.

Views with a permission must write in a `transaction()`; changes in `single_statements()` are not recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from flask import Response, request
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from models.core import event_log
from models.core.database import request_id
from models.core.events import StaffActed

current_action: ContextVar[StaffActed | None] = ContextVar("current_action", default=None)

_HAS_WRITTEN = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
"""PostgreSQL assigns a transaction id at the first write. Read-only requests, and replayed responses, have none and are
not recorded."""


@contextmanager
def record_action(permission: str) -> Iterator[None]:
    """Records the first change that is committed in the block as the event `staff.acted`."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        yield
        return
    names = request.view_args or {}
    subject = next((value for value in names.values() if isinstance(value, str)), None)
    action = StaffActed(
        subject=subject, method=request.method, path=request.path, permission=permission, request_id=request_id.get()
    )
    token = current_action.set(action)
    try:
        yield
    finally:
        current_action.reset(token)


@event.listens_for(Session, "before_commit", insert=True)  # before the listener that adds it to the audit log
def _emit_event(session: Session) -> None:
    action = current_action.get()
    if action is None:
        return
    session.flush()
    if session.scalar(_HAS_WRITTEN):
        current_action.set(None)  # after-commit hooks have transactions of their own
        event_log.emit(session, action)


def add_subject(response: Response) -> Response:
    """Returns the response unchanged. If the URL contained no id, the subject is the id in the response.

    For views that respond before they commit; `idempotent` calls it.
    """
    action = current_action.get()
    if action is not None and action.subject is None and isinstance(answer := response.get_json(silent=True), dict):
        ids = (value for name, value in answer.items() if name == "id" or name.endswith("_id"))
        current_action.set(replace(action, subject=next((value for value in ids if isinstance(value, str)), None)))
    return response
