"""Every change that requires a permission is recorded as an event, in the transaction of the change.

Calls with a permission must write in a `transaction()`; changes in `single_statements()` are not recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from models.core import event_log
from models.core.events import StaffActed

current_action: ContextVar[StaffActed | None] = ContextVar("current_action", default=None)


_HAS_WRITTEN = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
"""PostgreSQL assigns a transaction id at the first write. Read-only requests, and replayed responses, have none and are
not recorded."""


@event.listens_for(Session, "before_commit", insert=True)  # before the listener that adds it to the audit log
def _emit_event(session: Session) -> None:
    action = current_action.get()
    if action is None:
        return
    session.flush()
    if session.scalar(_HAS_WRITTEN):
        current_action.set(None)  # after-commit hooks have transactions of their own
        event_log.emit(session, action)


@contextmanager
def recording(action: StaffActed) -> Iterator[None]:
    """Records the first change that is committed in the block as this event."""
    token = current_action.set(action)
    try:
        yield
    finally:
        current_action.reset(token)
