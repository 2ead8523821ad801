"""Users and their addresses."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import access
from models.accounts.sessions import Credentials, end_other_sessions
from models.accounts.tables import Address, User
from models.database import new_id
from models.errors import Conflict, NotFound

TAKEN = {
    "uq_user_username": ("username_taken", "This user name is taken."),
    "uq_user_email": ("email_taken", "There is an account with this e-mail address already."),
}


def register(
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


def upsert_admin(session: Session, *, username: str, email: str, password_hash: str) -> User:
    """Makes sure that there is an active administrator of that name, with that e-mail address and password.

    A second call changes nothing but the hash; sessions go on. Raises Conflict (`email_taken`).
    """
    found = select(User).where(func.lower(User.username) == func.lower(username)).with_for_update()
    user = session.scalars(found).one_or_none()
    if user is None:
        user = User(id=new_id("usr"), username=username, first_name=username, last_name="")
        session.add(user)
    user.email, user.password_hash, user.status = email, password_hash, "active"
    _flush(session)
    access.grant(session, user.id, "admin")
    return user


def get(session: Session, user_id: str) -> User:
    """The user. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def credentials_of(session: Session, user_id: str) -> Credentials:
    """What a user's password is checked against. Raises NotFound."""
    return Credentials(user_id, get(session, user_id).password_hash)


def update_profile(session: Session, user_id: str, changes: dict[str, str]) -> User:
    """Changes the named fields. Raises NotFound, Conflict (`username_taken`, `email_taken`)."""
    user = get(session, user_id)
    for name, value in changes.items():
        setattr(user, name, value)
    _flush(session)
    return user


def change_password(session: Session, user_id: str, password_hash: str, kept_session: str) -> None:
    """Sets a new password and ends every session but the one in which it was changed."""
    get(session, user_id).password_hash = password_hash
    end_other_sessions(session, user_id, kept=kept_session)


def addresses_of(user_id: str) -> Select[Address]:
    """The query for a user's addresses."""
    return select(Address).where(Address.user_id == user_id)


def add_address(session: Session, user_id: str, address: dict[str, Any]) -> Address:
    """Adds an address {line1, line2, city, postal_code, country} to a user."""
    new = insert(Address).values(id=new_id("adr"), user_id=user_id, **address).returning(Address)
    return session.scalars(new).one()


def get_address(session: Session, user_id: str, address_id: str) -> Address:
    """One of a user's addresses. Raises NotFound, also for somebody else's."""
    address = session.get(Address, address_id)
    if address is None or address.user_id != user_id:
        raise NotFound("There is no such address.")
    return address


def address_as_data(session: Session, user_id: str, address_id: str) -> dict[str, Any]:
    """One of a user's addresses as an order keeps it. Raises NotFound."""
    address = get_address(session, user_id, address_id)
    shown = ("line1", "line2", "city", "postal_code", "country")
    return {name: value for name in shown if (value := getattr(address, name)) is not None}


def delete_address(session: Session, user_id: str, address_id: str) -> None:
    """Deletes an address; orders that were sent there keep their copy. Raises NotFound."""
    session.delete(get_address(session, user_id, address_id))


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
