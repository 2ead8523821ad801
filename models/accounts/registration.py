"""Creation of accounts: customers and administrators."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NotRequired, TypedDict, Unpack

from sqlalchemy import select
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import access
from models.accounts.addresses import insert_address
from models.accounts.email_changes import end_email_changes
from models.accounts.sessions import end_other_sessions
from models.accounts.tables import User
from models.accounts.users import flush, prefer_exact
from models.core import event_log
from models.core.errors import Conflict
from models.core.events import AccountRegistered, RoleGranted


class NewCustomer(TypedDict):
    """The arguments of `add_customer`."""

    username: str
    email: str
    password_hash: str
    first_name: str
    last_name: str
    address: Mapping[str, str]
    language: NotRequired[str | None]


def register(session: Session, **person: Unpack[NewCustomer]) -> User:
    """Creates a customer like `add_customer`, whose address is not confirmed: a mail asks for it, and the welcome mail
    follows (event `account.registered`)."""
    user = add_customer(session, **person, is_confirmed=False)
    event_log.emit(session, AccountRegistered(user_id=user.id))
    return user


def add_customer(
    session: Session,
    *,
    username: str,
    email: str,
    password_hash: str,
    first_name: str,
    last_name: str,
    address: Mapping[str, str],
    language: str | None = None,
    is_confirmed: bool = True,
) -> User:
    """Creates a customer with a first address. `is_confirmed`: whether mails to `email` are known to arrive.
    Raises Conflict (`username_taken`, `username_looks_taken`, `email_taken`)."""
    user = User(
        id=new_id("usr"), username=username, email=email, password_hash=password_hash,
        first_name=first_name, last_name=last_name, language=language,
        email_confirmed_at=datetime.now(UTC) if is_confirmed else None,
    )  # fmt: skip
    session.add(user)
    flush(session, user)
    insert_address(session, user.id, {**address, "is_default": True})
    access.grant(session, user.id, "customer")
    return user


def upsert_admin(session: Session, *, username: str, email: str, password_hash: str, promote: bool = False) -> User:
    """Creates an active administrator, or updates the e-mail address and password of an existing one.

    Sessions of an existing administrator continue. Another account of that name becomes an administrator only with
    `promote`, and its sessions end, because its owner may not be the intended person. Changes of the address that the
    owner has requested are cancelled, and no former address can be restored. Raises Conflict (`not_an_admin`,
    `username_looks_taken`, `email_taken`).
    """
    found = prefer_exact(select(User), username, User.username_key).with_for_update()
    user = session.scalars(found).one_or_none()
    if user is None:
        user = User(id=new_id("usr"), username=username, first_name=username, last_name="")
        session.add(user)
        is_new = True
    elif is_new := access.ADMIN not in access.roles_of(session, user.id):
        if not promote:
            raise Conflict(
                f"The account {user.username} exists and is not an administrator.",
                code="not_an_admin",
            )
        end_other_sessions(session, user.id)
    user.email, user.password_hash = email, password_hash
    user.email_confirmed_at = user.email_confirmed_at or datetime.now(UTC)
    flush(session, user)
    end_email_changes(session, user.id)
    access.grant(session, user.id, access.ADMIN)
    if is_new:
        event_log.emit(session, RoleGranted(subject=user.id, role=access.ADMIN))
    return user
