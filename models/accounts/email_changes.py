"""A changed e-mail address: the old one is notified, and can be restored for seven days."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

import durable
from models.accounts.password_resets import change_password, request_reset
from models.accounts.sign_in_tables import Identity, Passkey, RecoveryCode, SecondFactor
from models.accounts.tables import EmailChange, User
from models.accounts.users import flush, lock
from models.core.errors import Invalid
from models.core.tokens import derive, digest

RESTORED_FOR = timedelta(days=7)


def note_change(session: Session, user: User) -> None:
    """Starts the run that mails the address of `user`, which is about to change, a token that restores it."""
    run_id = durable.start(session, "email_changed", key=uuid4().hex, input={"user_id": user.id})
    session.add(
        EmailChange(
            id=run_id, user_id=user.id, email=user.email, token_hash=digest(derive_restore_token(run_id)),
            expires_at=datetime.now(UTC) + RESTORED_FOR,
        )
    )  # fmt: skip


def derive_restore_token(run_id: str) -> str:
    """The token that the run mails; the same for each call, and stored nowhere."""
    return derive("e-mail restoration", run_id)


def find_change(session: Session, run_id: str) -> EmailChange | None:
    """The change about which the run mails, unless the account was closed or the old address restored since."""
    change = session.get(EmailChange, run_id, populate_existing=True)
    return change if change is not None and change.used_at is None else None


def check_restore_token(session: Session, token: str) -> None:
    """Raises Invalid if `restore_email` would refuse the token. Called before the expensive hashing."""
    if session.execute(select(EmailChange.id).where(*_is_valid(token))).one_or_none() is None:
        raise _refused()


def restore_email(session: Session, token: str, password_hash: str) -> None:
    """Gives the account its old address back, and takes it from whoever changed it.

    All sessions end, the password becomes `password_hash`, that of a password which nobody knows, and a password reset
    is mailed to the restored address. Passkeys, identities and second factors that were added since the change are
    deleted. All tokens of this kind become invalid. Raises Invalid, and Conflict `email_taken` if another account has
    the address.
    """
    valid = select(EmailChange).where(*_is_valid(token))
    change = session.scalars(valid).one_or_none()
    if change is not None:
        lock(session, change.user_id)  # the second of two concurrent requests sees that it was used
        change = session.scalars(valid.execution_options(populate_existing=True)).one_or_none()
    if change is None:
        raise _refused()
    user = lock(session, change.user_id)
    user.email = change.email
    flush(session)
    spent = update(EmailChange).where(EmailChange.user_id == user.id, EmailChange.used_at.is_(None))
    session.execute(spent.values(used_at=func.now()))
    for table in (Identity, Passkey, SecondFactor):
        session.execute(delete(table).where(table.user_id == user.id, table.created_at >= change.created_at))
    if session.get(SecondFactor, user.id, populate_existing=True) is None:
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    change_password(session, user.id, password_hash)
    request_reset(session, uuid4().hex, user.id)


def _is_valid(token: str) -> tuple[ColumnElement[bool], ...]:
    active = select(User.id).where(User.id == EmailChange.user_id, User.status == "active").exists()
    unused = EmailChange.used_at.is_(None)
    return EmailChange.token_hash == digest(token), unused, EmailChange.expires_at > func.now(), active


def _refused() -> Invalid:
    return Invalid("The token is invalid.", errors={"token": ["is invalid, expired or already used"]})
