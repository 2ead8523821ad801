"""Notifications: what is sent to customers, staff and suppliers, and whether it was delivered."""

from typing import cast

from sqlalchemy import CursorResult, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.notifications import kinds
from models.notifications.kinds import CHANNELS, KINDS, Context, Kind
from models.notifications.language import LANGUAGES, choose_language, find_language
from models.notifications.layout import Mail, dress
from models.notifications.rendering import render
from models.notifications.tables import ERASED, Message, Notification

__all__ = [
    "CHANNELS",
    "ERASED",
    "KINDS",
    "LANGUAGES",
    "Kind",
    "Mail",
    "Message",
    "Notification",
    "choose_language",
    "compose",
    "dress",
    "erase_user",
    "find_language",
    "is_composed",
    "kinds",
    "record_delivery",
]

_COLUMNS = ("id", "key", "user_id", "kind", "channel", "recipient", "subject", "text")
_ONCE = ["key", "kind", "channel"]
_NEW = insert(Notification).values({name: bindparam(name) for name in _COLUMNS})
# Setting the key to itself changes nothing, and returns the row that is there.
_COMPOSE = _NEW.on_conflict_do_update(index_elements=_ONCE, set_={"key": _NEW.excluded.key}).returning(
    Notification.id, Notification.recipient, Notification.subject, Notification.text
)


def compose(
    session: Session,
    kind: Kind[Context],
    context: Context,
    *,
    key: str,
    channel: str,
    recipient: str,
    language: str,
    user_id: str | None = None,
) -> Message:
    """Renders a notification and stores it. `key` says what it is about: an order, a purchase order, an account.

    A second call for the same key, kind and channel returns the first one's message.
    """
    subject, text, html = render(kind, channel, context, language)
    row = {
        "id": new_id("ntf"), "key": key, "user_id": user_id, "kind": kind.name, "channel": channel,
        "recipient": recipient, "subject": subject, "text": text,
    }  # fmt: skip
    stored = session.connection().execute(_COMPOSE, row).one()
    return Message(*stored, html=html if stored.text == text else None)


_SAME = (Notification.key == bindparam("of_key")) & (Notification.kind == bindparam("of_kind"))


def is_composed(session: Session, kind: Kind[Context], key: str) -> bool:
    """Whether a notification of this kind was composed for the key."""
    found = select(Notification.id).where(_SAME).limit(1)
    return session.scalars(found, {"of_key": key, "of_kind": kind.name}).one_or_none() is not None


_ONE = update(Notification).where(_SAME, Notification.channel == bindparam("of_channel"))
_SENT, _REFUSED = _ONE.values(sent_at=func.now()), _ONE.values(fault=bindparam("why"))


def record_delivery(session: Session, kind: Kind[Context], *, key: str, channel: str, fault: str | None) -> None:
    """Records that the channel has accepted the notification, or the `fault` for which it never will."""
    row = {"of_key": key, "of_kind": kind.name, "of_channel": channel}
    if fault is None:
        session.connection().execute(_SENT, row)
    else:
        session.connection().execute(_REFUSED, {**row, "why": fault})


def erase_user(session: Session, user_id: str) -> int:
    """Erases the recipient and the text of a user's notifications, and returns how many. Their rows stay."""
    rows = update(Notification).where(Notification.user_id == user_id, Notification.recipient != ERASED)
    erased = rows.values(recipient=ERASED, subject="", text="")
    return cast(CursorResult[None], session.execute(erased)).rowcount
