"""Mails that are held until their recipient has confirmed the e-mail address."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, null, select, update
from sqlalchemy.orm import Session

from models.notifications.kinds import ACTION_NEEDED, EMAIL_CHANGING, KINDS, WELCOME
from models.notifications.tables import Notification

REASON = "The e-mail address is not confirmed."
USEFUL_FOR = timedelta(days=1)
LASTING = {kind.name for kind in KINDS.values() if kind.mandatory} - {ACTION_NEEDED.name} | {WELCOME.name}
"""Kinds that are sent however late the address is confirmed. The others are dropped after USEFUL_FOR."""
OF_ONE_ADDRESS = {EMAIL_CHANGING.name}
"""Kinds that are about the address to which they are sent. The others are sent to the one that is confirmed."""


def hold(session: Session, notification_id: str, request: Mapping[str, Any]) -> None:
    """Keeps what the mail server would have been given. The caller has locked the user."""
    one = update(Notification).where(Notification.id == notification_id)
    session.execute(one.values(held=request))


def list_held(session: Session, user_id: str) -> Sequence[Notification]:
    """The held mails of a user, oldest first."""
    held = Notification.user_id == user_id, Notification.held.is_not(None)
    return session.scalars(select(Notification).where(*held).order_by(Notification.id)).all()


def why_drop(row: Notification, address: str) -> str | None:
    """Why a held mail is of no use to the owner of `address`; None if it is."""
    if row.kind in OF_ONE_ADDRESS and row.recipient != address:
        return "The e-mail address was never confirmed."
    if row.kind not in LASTING and datetime.now(UTC) - row.created_at > USEFUL_FOR:
        return "The e-mail address was confirmed too late."
    return None


def drop(row: Notification, why: str) -> None:
    """Records that a held mail will never be sent."""
    row.held, row.fault = None, why


def record_held(session: Session, notification_id: str, fault: str | None, attempts: int) -> None:
    """Records that the mail server has accepted a mail that was held, or the `fault` for which it never will."""
    outcome = {"sent_at": func.now()} if fault is None else {"fault": fault}
    one = update(Notification).where(Notification.id == notification_id)
    session.execute(one.values(held=null(), attempts=attempts, **outcome))
