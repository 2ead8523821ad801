"""Users, and how they are found."""

from typing import TypeVarTuple

from sqlalchemy import Select, func, inspect, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import access
from models.accounts.tables import EmailChange, User
from models.core import folding
from models.core.errors import Conflict, NotFound

Row = TypeVarTuple("Row")

TAKEN = {
    "uq_user_username_key": ("username_taken", "The username is taken."),
    "uq_user_username_skeleton": ("username_looks_taken", "The username looks like that of another account."),
    "uq_user_email_key": ("email_taken", "An account with this e-mail address already exists."),
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
    """The query for active users, optionally with `text` as a prefix of username, e-mail address or last name, folded,
    and with a role."""
    chosen = select(User).where(User.status == "active")
    if text is not None:
        keys = (User.username_key, User.email_key, User.last_name_key)
        chosen = chosen.where(or_(*(key.startswith(folding.fold(text), autoescape=True) for key in keys)))
    if role is not None:
        chosen = chosen.where(User.id.in_(select(access.UserRole.user_id).where(access.UserRole.role == role)))
    return chosen


def find_staff(text: str | None, role: str | None) -> Select[User]:
    """As `find_users`, of those who hold any permission."""
    granted = select(access.UserRole.user_id).join(
        access.RolePermission, access.RolePermission.role == access.UserRole.role
    )
    return find_users(text, role).where(User.id.in_(granted))


def find_id(session: Session, email: str) -> str | None:
    """The id of the user with this e-mail address, folded."""
    return session.scalars(prefer_exact(select(User.id), email, User.email_key)).one_or_none()


def find_email(session: Session, user_id: str | None) -> str | None:
    """The e-mail address of a user. Asks the database also for no user (None), so that it takes as long."""
    return session.scalars(select(User.email).where(User.id == user_id)).one_or_none()


def prefer_exact(users: Select[*Row], name: str, *keys: InstrumentedAttribute[str]) -> Select[*Row]:
    """The query for the user of this name, folded, in one of the columns of keys; the exact spelling goes first."""
    exact = or_(*(key == folding.fold_exactly(name) for key in keys))
    alike = or_(*(key == folding.fold(name) for key in keys))
    return users.where(or_(exact, alike)).order_by(exact.desc(), User.id).limit(1)


def flush(session: Session, user: User) -> None:
    """Flushes a user. Raises Conflict for a username or e-mail address that is taken, and for an address that another
    user may get back."""
    is_other_address = inspect(user).attrs.email_key.history.has_changes()
    try:
        session.flush()
    except IntegrityError as error:
        index = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if index not in TAKEN:
            raise
        code, detail = TAKEN[index]
        raise Conflict(detail, code=code) from error
    # After the flush, which has waited for a change that leaves the address at the same time.
    if is_other_address and _is_restorable(session, user):
        code, detail = TAKEN["uq_user_email_key"]
        raise Conflict(detail, code=code)


def _is_restorable(session: Session, user: User) -> bool:
    """Whether the address of the user is one that another user had, and can restore."""
    valid = EmailChange.used_at.is_(None), EmailChange.expires_at > func.now()
    by_others = EmailChange.email_key == user.email_key, EmailChange.user_id != user.id
    return session.scalars(select(EmailChange.id).where(*by_others, *valid).limit(1)).one_or_none() is not None
