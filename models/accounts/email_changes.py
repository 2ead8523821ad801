"""Another e-mail address: it counts once it is confirmed by mail, and the old one can be restored for seven days."""

from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from models import notifications
from models.accounts.confirmations import confirm_email, find_user_to_confirm, mark_confirmed
from models.accounts.password_resets import change_password, end_resets, request_reset
from models.accounts.sign_in_tables import Identity, Passkey, RecoveryCode, SecondFactor
from models.accounts.tables import EmailChange, PendingEmail, User
from models.accounts.users import find_id, flush, lock
from models.core import event_log
from models.core.errors import Invalid
from models.core.events import EmailChanged, EmailRestored
from models.core.tokens import derive, digest

Row = TypeVar("Row")

CHANGE_CONFIRMED_WITHIN = timedelta(hours=24)  # from the request
RESTORED_FOR = timedelta(days=7)  # from the request, when the old address is notified


def request_email_change(session: Session, user_id: str, email: str) -> None:
    """Starts the run that mails the new address a token which confirms it, and the one that mails the present address a
    token which restores it. A present address that was never confirmed gets none: it may be mistyped, and that of a
    stranger.

    Replaces an address that is not confirmed yet. Whether another account has the address does not matter before it is
    confirmed, so that nothing is revealed. Raises NotFound.
    """
    user, now = lock(session, user_id), datetime.now(UTC)
    asking = durable.start(session, "confirm_new_email", key=uuid4().hex, input={"user_id": user_id})
    row = {
        "user_id": user_id, "email": email, "run_id": asking, "token_hash": digest(derive_change_token(asking)),
        "expires_at": now + CHANGE_CONFIRMED_WITHIN, "created_at": now,
    }  # fmt: skip
    session.execute(insert(PendingEmail).values(row).on_conflict_do_update(index_elements=["user_id"], set_=row))
    if user.email_confirmed_at is not None:
        _notify_present_address(session, user, now)


def _notify_present_address(session: Session, user: User, now: datetime) -> None:
    run_id = durable.start(session, "email_changing", key=uuid4().hex, input={"user_id": user.id})
    session.add(
        EmailChange(
            id=run_id, user_id=user.id, email=user.email, email_key=user.email_key,
            token_hash=digest(derive_restore_token(run_id)), expires_at=now + RESTORED_FOR,
        )
    )  # fmt: skip
    session.flush()


def cancel_email_change(session: Session, user_id: str) -> None:
    """Forgets the address that the user has not confirmed yet, if any."""
    session.execute(delete(PendingEmail).where(PendingEmail.user_id == user_id))


def find_pending_email(session: Session, user_id: str) -> PendingEmail | None:
    """The address that the user has not confirmed yet, if any."""
    pending = select(PendingEmail).where(PendingEmail.user_id == user_id, PendingEmail.expires_at > func.now())
    return session.scalars(pending.execution_options(populate_existing=True)).one_or_none()


def find_email_to_confirm(session: Session, user_id: str, run_id: str) -> str | None:
    """The address to which the run mails; None if it was replaced since, or if another account has it."""
    pending = find_pending_email(session, user_id)
    if pending is None or pending.run_id != run_id or find_id(session, pending.email) not in (None, user_id):
        return None
    return pending.email


def find_change(session: Session, run_id: str) -> EmailChange | None:
    """The change about which the run mails, unless the account was closed or the old address restored since."""
    change = session.get(EmailChange, run_id, populate_existing=True)
    return change if change is not None and change.used_at is None else None


def derive_change_token(run_id: str) -> str:
    """The token that the run mails to the new address; the same for each call, and stored nowhere."""
    return derive("e-mail change", run_id)


def derive_restore_token(run_id: str) -> str:
    """The token that the run mails to the old address; the same for each call, and stored nowhere."""
    return derive("e-mail restoration", run_id)


def find_user_by_token(session: Session, token: str) -> User | None:
    """The user whose present or new address the token confirms; None for a token that `confirm_by_token` refuses."""
    return find_user_to_confirm(session, token) or session.scalars(_changing(User, token)).one_or_none()


def confirm_by_token(session: Session, token: str) -> User:
    """Confirms the address to which the token was mailed: as `confirm_email` if it is the present one of a user, and
    otherwise as `confirm_email_change`."""
    if find_user_to_confirm(session, token) is not None:
        return confirm_email(session, token)
    return confirm_email_change(session, token)


def confirm_email_change(session: Session, token: str) -> User:
    """Makes the new address that of the user (event `email.changed`), which is thereby confirmed. Works once.

    Password reset tokens become invalid, because the old address has them. Neither address is suppressed any more.
    Raises Invalid, and Conflict `email_taken` if another account has the address, or may get it back.
    """
    valid = _changing(PendingEmail, token)
    pending = session.scalars(valid).one_or_none()
    if pending is not None:
        user = lock(session, pending.user_id)  # the second of two concurrent requests sees what the first has done
        pending = session.scalars(valid.execution_options(populate_existing=True)).one_or_none()
    if pending is None:
        raise _refused()
    for address in (user.email, pending.email):
        notifications.lift_suppression(session, address)
    user.email = pending.email
    flush(session, user)
    cancel_email_change(session, user.id)
    end_resets(session, user.id)
    mark_confirmed(session, user)
    event_log.emit(session, EmailChanged(user_id=user.id))
    return user


def _changing(wanted: type[Row], token: str) -> Select[Row]:
    shown = PendingEmail.token_hash == digest(token), PendingEmail.expires_at > func.now()
    active = User.id == PendingEmail.user_id, User.status == "active"
    return select(wanted).where(*shown, *active)


def check_restore_token(session: Session, token: str) -> None:
    """Raises Invalid if `restore_email` would refuse the token. Called before the expensive hashing."""
    if session.execute(select(EmailChange.id).where(*_is_restorable(token))).one_or_none() is None:
        raise _refused()


def restore_email(session: Session, token: str, password_hash: str) -> None:
    """Gives the account the address back to which the token was mailed, and takes it from whoever changed it.

    A change that is not confirmed is cancelled. All sessions end, the password becomes `password_hash`, that of a
    password which nobody knows, and a password reset is mailed to the restored address. Passkeys, identities and second
    factors that were added since the change was requested are deleted. The token, and those that were mailed later,
    become invalid: whoever changed the address may have them. Earlier ones stay valid, so that a thief cannot spend
    the owner's. Raises Invalid, and Conflict `email_taken` if another account has the address.
    """
    valid = select(EmailChange).where(*_is_restorable(token))
    change = session.scalars(valid).one_or_none()
    if change is not None:
        user = lock(session, change.user_id)  # the second of two concurrent requests sees that it was used
        change = session.scalars(valid.execution_options(populate_existing=True)).one_or_none()
    if change is None:
        raise _refused()
    if user.email != change.email:
        user.email = change.email
        user.email_key = change.email_key or user.email_key  # rows of the release before have none
        flush(session, user)
    cancel_email_change(session, user.id)
    spent = update(EmailChange).where(EmailChange.user_id == user.id, EmailChange.id >= change.id)
    session.execute(spent.values(used_at=func.now()))
    for table in (Identity, Passkey, SecondFactor):
        session.execute(delete(table).where(table.user_id == user.id, table.created_at >= change.created_at))
    if session.get(SecondFactor, user.id, populate_existing=True) is None:
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    change_password(session, user.id, password_hash)
    request_reset(session, uuid4().hex, user.id)
    event_log.emit(session, EmailRestored(user_id=user.id))


def end_email_changes(session: Session, user_id: str) -> None:
    """Cancels a change that is not confirmed, and makes all tokens that restore an address invalid."""
    cancel_email_change(session, user_id)
    mine = update(EmailChange).where(EmailChange.user_id == user_id, EmailChange.used_at.is_(None))
    session.execute(mine.values(used_at=func.now()))


def _is_restorable(token: str) -> tuple[ColumnElement[bool], ...]:
    active = select(User.id).where(User.id == EmailChange.user_id, User.status == "active").exists()
    unused = EmailChange.used_at.is_(None)
    return EmailChange.token_hash == digest(token), unused, EmailChange.expires_at > func.now(), active


def _refused() -> Invalid:
    return Invalid("The token is invalid.", errors={"token": ["is invalid, expired or already used"]})
