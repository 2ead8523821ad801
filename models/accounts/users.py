"""Users: how an account begins, what it says, and how it is found."""

from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import access, events
from models.accounts.addresses import add_address
from models.accounts.sessions import end_other_sessions
from models.accounts.tables import User
from models.database import new_id
from models.errors import Conflict, NotFound

TAKEN = {
    "uq_user_username": ("username_taken", "This user name is taken."),
    "uq_user_email": ("email_taken", "There is an account with this e-mail address already."),
}


def register(session: Session, **person: Any) -> User:
    """Creates a customer as `add_customer` does, who is welcomed with a mail (event `account.registered`)."""
    user = add_customer(session, **person)
    events.emit(session, "account.registered", {"user_id": user.id})
    return user


def add_customer(
    session: Session,
    *,
    username: str,
    email: str,
    password_hash: str,
    first_name: str,
    last_name: str,
    address: dict[str, Any],
) -> User:
    """Creates a customer with a first address. Raises Conflict (`username_taken`, `email_taken`)."""
    user = User(
        id=new_id("usr"), username=username, email=email, password_hash=password_hash,
        first_name=first_name, last_name=last_name,
    )  # fmt: skip
    session.add(user)
    _flush(session)
    add_address(session, user.id, address)
    access.grant(session, user.id, "customer")
    return user


def upsert_admin(session: Session, *, username: str, email: str, password_hash: str, promote: bool = False) -> User:
    """Makes sure that there is an active administrator of that name, with that e-mail address and password.

    For one who is an administrator already, a second call changes nothing but these two; sessions go on. An account
    of that name that is none becomes one only with `promote`, and its sessions end: whoever has opened it may not be
    whom the operator thinks of. Raises Conflict (`not_an_admin`, `email_taken`).
    """
    found = select(User).where(func.lower(User.username) == func.lower(username)).with_for_update()
    user = session.scalars(found).one_or_none()
    if user is None:
        user = User(id=new_id("usr"), username=username, first_name=username, last_name="")
        session.add(user)
        is_new = True
    elif is_new := access.ADMIN not in access.roles_of(session, user.id):
        if not promote:
            raise Conflict(
                f"There is an account named {user.username} already, and it is not an administrator's.",
                code="not_an_admin",
            )
        end_other_sessions(session, user.id)
    user.email, user.password_hash, user.status = email, password_hash, "active"
    _flush(session)
    access.grant(session, user.id, access.ADMIN)
    if is_new:
        events.emit(session, "role.granted", {"role": access.ADMIN}, subject=user.id)
    return user


def get(session: Session, user_id: str) -> User:
    """The user. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def get_active(session: Session, user_id: str) -> User:
    """The user, if the account is not closed. Raises NotFound."""
    user = get(session, user_id)
    if user.status != "active":
        raise NotFound("There is no such user.")
    return user


def find_users(text: str | None, role: str | None) -> Select[User]:
    """The query for accounts that are not closed: those whose user name, e-mail address or last name begins so,
    whatever the case, and who have that role. None asks for nothing."""
    chosen = select(User).where(User.status == "active")
    if text is not None:
        names = (User.username, User.email, User.last_name)
        chosen = chosen.where(or_(*(func.lower(name).startswith(text.lower(), autoescape=True) for name in names)))
    if role is not None:
        chosen = chosen.where(User.id.in_(select(access.UserRole.user_id).where(access.UserRole.role == role)))
    return chosen


def update_profile(session: Session, user_id: str, changes: dict[str, str]) -> User:
    """Changes the named fields. Raises NotFound, Conflict (`username_taken`, `email_taken`)."""
    user = get(session, user_id)
    for name, value in changes.items():
        setattr(user, name, value)
    _flush(session)
    return user


def _flush(session: Session) -> None:
    """Writes a user. Raises Conflict for a user name or an e-mail address that somebody else has."""
    try:
        session.flush()
    except IntegrityError as error:
        index = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if index not in TAKEN:
            raise
        code, detail = TAKEN[index]
        raise Conflict(detail, code=code) from error
