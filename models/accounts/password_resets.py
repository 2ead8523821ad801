"""New passwords: changed by who knows the old one, or set with a token that was mailed."""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from models.accounts.sessions import Credentials, end_other_sessions
from models.accounts.tables import PasswordReset, User
from models.accounts.users import get, lock
from models.core import event_log
from models.core.errors import Invalid
from models.core.events import PasswordChanged
from models.core.tokens import digest
from settings import settings

LIFETIME = timedelta(hours=1)  # from the mail on


def get_credentials(session: Session, user_id: str) -> Credentials:
    """What a user's password is checked against. Raises NotFound."""
    return Credentials(user_id, get(session, user_id).password_hash)


def change_password(session: Session, user_id: str, password_hash: str, kept_session: str | None = None) -> None:
    """Sets a new password and ends every session but the one in which it was changed.

    Mailed tokens that are still about are good no more. The user is told by mail (event `password.changed`).
    """
    lock(session, user_id).password_hash = password_hash
    end_other_sessions(session, user_id, kept=kept_session)
    about = update(PasswordReset).where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
    session.execute(about.values(used_at=func.now()))
    event_log.emit(session, PasswordChanged(user_id=user_id))


def request_reset(session: Session, request_id: str, user_id: str | None) -> None:
    """Starts what mails a token to the user. For nobody (None) it starts the same, which then does nothing: a caller
    can't tell the one from the other, not even by the time that it takes."""
    durable.start(session, "password_reset", key=request_id, input={"user_id": user_id})


def save_reset_token(session: Session, run_id: str, user_id: str) -> None:
    """Makes the token that the run mails valid for an hour from the latest call, once. The database keeps its hash."""
    token_hash = digest(derive_reset_token(run_id))
    row = {"id": run_id, "user_id": user_id, "token_hash": token_hash, "expires_at": datetime.now(UTC) + LIFETIME}
    new = insert(PasswordReset).values(row)
    renewed = {name: new.excluded[name] for name in ("token_hash", "expires_at")}
    session.execute(new.on_conflict_do_update(index_elements=["id"], set_=renewed))


def derive_reset_token(run_id: str) -> str:
    """The token that the run mails, the same one each time.

    It is not random but made of the run's id and the shop's secret key (HMAC-SHA-256), so that a mail that is sent
    again after a crash holds the same one, and neither the run nor the notification need hold it.
    """
    made = hmac.digest(settings.secret_key.encode(), f"password reset {run_id}".encode(), "sha256")
    return urlsafe_b64encode(made).decode().rstrip("=")


def check_reset_token(session: Session, token: str) -> None:
    """Raises Invalid if `reset_password` would refuse the token now. Asked before a password is hashed, which costs."""
    if session.execute(select(PasswordReset.id).where(*_is_good(token))).one_or_none() is None:
        raise _refused()


def reset_password(session: Session, token: str, password_hash: str) -> str:
    """Sets a new password with a mailed token and returns whose it is. Ends all sessions; raises Invalid.

    The token, and any other that this user was mailed, is good no more.
    """
    good = select(PasswordReset.user_id).where(*_is_good(token))
    user_id = session.scalars(good).one_or_none()
    if user_id is not None:
        lock(session, user_id)  # of two who come at once the second sees that it was used
        user_id = session.scalars(good).one_or_none()
    if user_id is None:
        raise _refused()
    change_password(session, user_id, password_hash)
    return user_id


def _is_good(token: str) -> tuple[ColumnElement[bool], ...]:
    active = select(User.id).where(User.id == PasswordReset.user_id, User.status == "active").exists()
    unused = PasswordReset.used_at.is_(None)
    return PasswordReset.token_hash == digest(token), unused, PasswordReset.expires_at > func.now(), active


def _refused() -> Invalid:
    why = ["is not valid, or not any more; ask for another mail"]
    return Invalid("This token can't be used.", errors={"token": why})
