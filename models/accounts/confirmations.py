"""Whether the e-mail address of a user is confirmed. Until it is, other mails to it are held
(models/notifications/holding.py)."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

from sqlalchemy import ColumnElement, bindparam, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable.ids import Id
from models.accounts.tables import EmailConfirmation, PendingEmail, User
from models.accounts.users import lock
from models.core import event_log
from models.core.errors import Invalid
from models.core.events import EmailConfirmed
from models.core.tokens import derive, digest

CONFIRMED_WITHIN = timedelta(days=7)  # from the time of the mail

AddressStatus = Literal["confirmed", "unconfirmed", "closed"]


def request_confirmation(session: Session, user_id: str) -> None:
    """Starts the run that mails a token which confirms the address, unless it is confirmed."""
    durable.start(session, "confirm_address", key=uuid4().hex, input={"user_id": user_id})


def save_confirmation_token(session: Session, run_id: str, user: User) -> None:
    """Stores the hash of the run's token, valid for seven days from the latest call. It confirms the present address
    of the user, and no other."""
    row = {
        "id": run_id, "user_id": user.id, "email": user.email, "expires_at": datetime.now(UTC) + CONFIRMED_WITHIN,
        "token_hash": digest(derive_confirmation_token(run_id)),
    }  # fmt: skip
    new = insert(EmailConfirmation).values(row)
    renewed = {name: new.excluded[name] for name in ("email", "expires_at")}
    session.execute(new.on_conflict_do_update(index_elements=["id"], set_=renewed))


def derive_confirmation_token(run_id: str) -> str:
    """The token that the run mails; the same for each call, and stored nowhere."""
    return derive("e-mail confirmation", run_id)


def find_user_to_confirm(session: Session, token: str) -> User | None:
    """The user whose address the token confirms, or has confirmed; None for a token that `confirm_email` refuses."""
    return session.scalars(select(User).where(*_is_valid(token))).one_or_none()


def confirm_email(session: Session, token: str) -> User:
    """Confirms the address to which the token was mailed; the mails that were held for it follow. A second call
    changes nothing. Raises Invalid."""
    user = find_user_to_confirm(session, token)
    if user is not None:
        lock(session, user.id)  # a change of the address at the same time ends before
        user = find_user_to_confirm(session, token)
    if user is None:
        raise Invalid("The token is invalid.", errors={"token": ["is invalid or expired; request another e-mail"]})
    mark_confirmed(session, user)
    return user


def mark_confirmed(session: Session, user: User) -> None:
    """Records that the owner reads mails to the present address. `user` is locked. A second call changes nothing.

    Cancels a change that was requested before: nobody was notified of it, so there would be no way back.
    """
    if user.email_confirmed_at is None:
        user.email_confirmed_at = datetime.now(UTC)
        session.execute(delete(PendingEmail).where(PendingEmail.user_id == user.id))
        event_log.emit(session, EmailConfirmed(user_id=user.id))


_STATUS = select(
    case((User.email_confirmed_at.is_not(None), "confirmed"), (User.status == "active", "unconfirmed"), else_="closed")
).where(User.id == bindparam("user_id", type_=Id("usr")))
_LOCKED_STATUS = _STATUS.with_for_update(read=True)


def lock_address_status(session: Session, user_id: str) -> AddressStatus:
    """Whether the user's address is confirmed, or the account closed before it was.

    The user is locked unless it is confirmed, so that it is not confirmed before the caller has held the mail.
    """
    found: AddressStatus = session.connection().execute(_STATUS, {"user_id": user_id}).scalar_one()
    if found != "confirmed":
        found = session.connection().execute(_LOCKED_STATUS, {"user_id": user_id}).scalar_one()
    return found


def _is_valid(token: str) -> tuple[ColumnElement[bool], ...]:
    by_token = select(EmailConfirmation.id).where(
        EmailConfirmation.user_id == User.id, EmailConfirmation.email == User.email,
        EmailConfirmation.token_hash == digest(token), EmailConfirmation.expires_at > func.now(),
    )  # fmt: skip
    return User.status == "active", by_token.exists()
