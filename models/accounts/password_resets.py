"""Password changes: with the current password, or with an e-mailed reset token."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from models.accounts.confirmations import mark_confirmed
from models.accounts.sessions import Credentials, end_other_sessions
from models.accounts.tables import PasswordReset, User
from models.accounts.users import get, lock
from models.core import event_log
from models.core.errors import Invalid
from models.core.events import PasswordChanged
from models.core.tokens import derive, digest

LIFETIME = timedelta(hours=1)  # from the time of the mail


def get_credentials(session: Session, user_id: str) -> Credentials:
    """The credentials of a user. Raises NotFound."""
    return Credentials(user_id, get(session, user_id).password_hash)


def change_password(session: Session, user_id: str, password_hash: str, kept_session: str | None = None) -> None:
    """Sets a new password and ends all sessions except `kept_session`.

    Outstanding reset tokens become invalid. Emits `password.changed`, which notifies the user by mail.
    """
    lock(session, user_id).password_hash = password_hash
    end_other_sessions(session, user_id, kept=kept_session)
    end_resets(session, user_id)
    event_log.emit(session, PasswordChanged(user_id=user_id))


def end_resets(session: Session, user_id: str) -> None:
    """Makes all reset tokens of the user invalid."""
    unused = update(PasswordReset).where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
    session.execute(unused.values(used_at=func.now()))


def request_reset(session: Session, request_id: str, user_id: str | None) -> None:
    """Starts the workflow that mails a reset token. It is also started for no user (None), and then does nothing, so
    that callers cannot distinguish the cases, not even by response time."""
    durable.start(session, "password_reset", key=request_id, input={"user_id": user_id})


def save_reset_token(session: Session, run_id: str, user_id: str) -> None:
    """Stores the hash of the run's token, valid for one use within an hour of the latest call."""
    token_hash = digest(derive_reset_token(run_id))
    row = {
        "id": run_id, "user_id": user_id, "email": get(session, user_id).email, "token_hash": token_hash,
        "expires_at": datetime.now(UTC) + LIFETIME,
    }  # fmt: skip
    new = insert(PasswordReset).values(row)
    renewed = {name: new.excluded[name] for name in ("email", "token_hash", "expires_at")}
    session.execute(new.on_conflict_do_update(index_elements=["id"], set_=renewed))


def derive_reset_token(run_id: str) -> str:
    """The token that the run mails; the same for each call, and stored nowhere."""
    return derive("password reset", run_id)


def check_reset_token(session: Session, token: str) -> User:
    """The user whose password the token resets. Raises Invalid if `reset_password` would refuse it. Called before the
    expensive hashing."""
    user_id = session.scalars(select(PasswordReset.user_id).where(*_is_valid(token))).one_or_none()
    if user_id is None:
        raise _refused()
    return get(session, user_id)


def reset_password(session: Session, token: str, password_hash: str) -> str:
    """Sets a new password with a reset token and returns the user id. Ends all sessions. Raises Invalid.

    The token, and all other tokens of the user, become invalid. It also confirms the address to which it was mailed.
    """
    good = select(PasswordReset.user_id, PasswordReset.email).where(*_is_valid(token))
    found = session.execute(good).one_or_none()
    if found is not None:
        lock(session, found.user_id)  # the second of two concurrent requests sees that it was used
        found = session.execute(good).one_or_none()
    if found is None:
        raise _refused()
    change_password(session, found.user_id, password_hash)
    user = get(session, found.user_id)
    if user.email == found.email:
        mark_confirmed(session, user)
    return user.id


def _is_valid(token: str) -> tuple[ColumnElement[bool], ...]:
    active = select(User.id).where(User.id == PasswordReset.user_id, User.status == "active").exists()
    unused = PasswordReset.used_at.is_(None)
    return PasswordReset.token_hash == digest(token), unused, PasswordReset.expires_at > func.now(), active


def _refused() -> Invalid:
    why = ["is invalid, expired or already used; request another e-mail"]
    return Invalid("The token is invalid.", errors={"token": why})
