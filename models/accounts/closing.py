"""Closing an account: personal data is erased, business records are kept."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from durable.ids import new_id
from durable.tables import RunRecord
from models import access, notifications
from models.accounts.saved_views import ListView, delete_views_about
from models.accounts.sign_in_tables import Identity, KnownDevice, Passkey, RecoveryCode, SecondFactor
from models.accounts.tables import (
    ACCOUNT_STATUS,
    Address,
    Device,
    EmailChange,
    EmailConfirmation,
    LoginSession,
    PasswordReset,
    PendingEmail,
    Phone,
    Preference,
)
from models.accounts.users import lock
from models.core import event_log
from models.core.errors import Conflict
from models.core.events import AccountClosed

OWNED = (
    Address, Device, EmailChange, EmailConfirmation, Identity, KnownDevice, ListView, LoginSession, Passkey,
    PasswordReset, PendingEmail, Phone, Preference, RecoveryCode, SecondFactor,
)  # fmt: skip


def close(session: Session, user_id: str) -> None:
    """Closes an account and erases personal data: names, e-mail address, password, second factor, passkeys, identities,
    addresses, phone number, devices, sessions, preferences, views of lists, roles and API keys are erased immediately;
    data of other services by the workflow that `account.closed` starts. Username and e-mail address become available
    again.

    Raises NotFound, and Conflict: `tasks_under_way` (such as a checkout, which ends within seconds), `last_admin`.
    """
    user = lock(session, user_id)
    # A waiting run may wait for weeks; it continues without its owner.
    own = RunRecord.owner == user_id, RunRecord.finished_at.is_(None), RunRecord.status != "waiting"
    under_way = list(session.scalars(select(RunRecord.id).where(*own).order_by(RunRecord.id)))
    if under_way:
        why = "Tasks of this account are still running; close the account when they have ended."
        raise Conflict(why, code="tasks_under_way", tasks=under_way)
    access.remove_user(session, user_id)
    for table in OWNED:
        session.execute(delete(table).where(table.user_id == user_id))
    delete_views_about(session, user)
    ACCOUNT_STATUS.move(user, "closed")
    user.password_hash = user.first_name = user.last_name = ""
    user.language = None
    notifications.lift_suppression(session, user.email)
    user.username = new_id("closed")  # unique, like the original
    user.email = f"{user.username}@closed.invalid"  # RFC 2606: an invalid domain
    event_log.emit(session, AccountClosed(user_id=user_id))
