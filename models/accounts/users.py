"""Users: profile and search."""

from collections.abc import Mapping

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import access, notifications
from models.accounts.tables import User
from models.core.errors import Conflict, NotFound

TAKEN = {
    "uq_user_username": ("username_taken", "The username is taken."),
    "uq_user_email": ("email_taken", "An account with this e-mail address already exists."),
}


def get(session: Session, user_id: str) -> User:
    """Returns a user. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("No such user.")
    return user


def get_active(session: Session, user_id: str) -> User:
    """Returns a user whose account is not closed. Raises NotFound."""
    user = get(session, user_id)
    if user.status != "active":
        raise NotFound("No such user.")
    return user


def lock(session: Session, user_id: str) -> User:
    """Returns an active user, locked so that the account cannot be closed meanwhile. Raises NotFound."""
    query = select(User).where(User.id == user_id, User.status == "active").with_for_update(key_share=True)
    user = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if user is None:
        raise NotFound("No such user.")
    return user


def find_users(text: str | None, role: str | None) -> Select[User]:
    """The query for active users, optionally with `text` as a prefix of username, e-mail address or last name (ignoring
    case) and with a role."""
    chosen = select(User).where(User.status == "active")
    if text is not None:
        names = (User.username, User.email, User.last_name)
        chosen = chosen.where(or_(*(func.lower(name).startswith(text.lower(), autoescape=True) for name in names)))
    if role is not None:
        chosen = chosen.where(User.id.in_(select(access.UserRole.user_id).where(access.UserRole.role == role)))
    return chosen


def find_id(session: Session, email: str) -> str | None:
    """The id of the active user with this e-mail address, ignoring case."""
    return session.scalars(select(User.id).where(func.lower(User.email) == email.lower())).one_or_none()


def update_profile(session: Session, user_id: str, changes: Mapping[str, str | None]) -> User:
    """Updates the given fields. Raises NotFound and Conflict (`username_taken`, `email_taken`)."""
    user = lock(session, user_id)
    if changes.get("email", user.email) != user.email:
        notifications.lift_suppression(session, user.email)
    for name, value in changes.items():
        setattr(user, name, value)
    flush(session)
    return user


def flush(session: Session) -> None:
    """Flushes a user. Raises Conflict for a username or e-mail address that is taken."""
    try:
        session.flush()
    except IntegrityError as error:
        index = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if index not in TAKEN:
            raise
        code, detail = TAKEN[index]
        raise Conflict(detail, code=code) from error
