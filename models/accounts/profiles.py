"""The profile of a user."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from models import notifications
from models.accounts.email_changes import note_change
from models.accounts.tables import User
from models.accounts.users import flush, lock


def update_profile(session: Session, user_id: str, changes: Mapping[str, str | None]) -> User:
    """Updates the given fields. A former e-mail address is told, and can be restored (email_changes.py).

    Raises NotFound, and Conflict: `username_taken`, `username_looks_taken`, `email_taken`.
    """
    user = lock(session, user_id)
    changed = {name: value for name, value in changes.items() if value != getattr(user, name)}
    if "email" in changed:
        note_change(session, user)
        notifications.lift_suppression(session, user.email)
    for name, value in changed.items():
        setattr(user, name, value)
    flush(session)
    return user
