"""The profile of a user."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from models.accounts.tables import User
from models.accounts.users import flush, lock


def update_profile(session: Session, user_id: str, changes: Mapping[str, str | None]) -> User:
    """Updates the given fields; not the e-mail address, see `request_email_change`. Raises NotFound, and Conflict:
    `username_taken`, `username_looks_taken`."""
    user = lock(session, user_id)
    for name, value in changes.items():
        setattr(user, name, value)
    flush(session, user)
    return user
