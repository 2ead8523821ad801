"""Audit log: every change that requires a permission is recorded as an event, in the transaction of the change.

Views with a permission must write in a `transaction()`; changes in `single_statements()` are not recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, request
from sqlalchemy.orm import Session

from models.core import event_log
from models.core.database import request_id
from models.core.events import StaffActed
from serving.staff_actions import current_action, name_subject, recording


@contextmanager
def record_action(permission: str) -> Iterator[None]:
    """Records the first change that is committed in the block as the event `staff.acted`."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        yield
        return
    with recording(_action(permission)):
        yield


def emit_action(session: Session, permission: str) -> None:
    """Records a change of this transaction for which its view has asked for a permission, not its access rule."""
    event_log.emit(session, _action(permission))


def _action(permission: str) -> StaffActed:
    names = request.view_args or {}
    subject = next((value for value in names.values() if isinstance(value, str)), None)
    return StaffActed(
        subject=subject, method=request.method, path=request.path, permission=permission, request_id=request_id.get()
    )


def add_subject(response: Response) -> Response:
    """Returns the response unchanged. If the URL contained no id, the subject is the id in the response.

    For views that respond before they commit; `idempotent` calls it.
    """
    if current_action.get() is not None and isinstance(answer := response.get_json(silent=True), dict):
        ids = (value for name, value in answer.items() if name == "id" or name.endswith("_id"))
        name_subject(next((value for value in ids if isinstance(value, str)), None))
    return response
