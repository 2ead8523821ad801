"""Notifications: what is sent to customers, staff and suppliers, and whether it was delivered."""

from typing import cast

from sqlalchemy import CursorResult, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.notifications import kinds
from models.notifications.examples import EXAMPLES
from models.notifications.kinds import CHANNELS, KINDS, Context, Kind
from models.notifications.language import LANGUAGES, choose_language, find_language
from models.notifications.layout import Mail, dress
from models.notifications.log import STATUSES, Delivery, describe_deliveries, find_delivery, select_notifications
from models.notifications.overrides import (
    Template,
    change_template,
    get_template,
    list_templates,
    preview,
    render_current,
    reset_template,
)
from models.notifications.suppressions import (
    BOUNCES,
    Bounce,
    is_suppressed,
    lift_suppression,
    record_bounce,
    select_suppressions,
    suppress,
)
from models.notifications.tables import ERASED, Message, Notification, Suppression
from models.notifications.unsubscribing import Choice, read_unsubscribe_token, unsubscribe_url

__all__ = [
    "BOUNCES",
    "CHANNELS",
    "ERASED",
    "EXAMPLES",
    "KINDS",
    "LANGUAGES",
    "STATUSES",
    "Bounce",
    "Choice",
    "Delivery",
    "Kind",
    "Mail",
    "Message",
    "Notification",
    "Suppression",
    "Template",
    "change_template",
    "choose_language",
    "compose",
    "describe_deliveries",
    "dress",
    "erase_user",
    "find_delivery",
    "find_language",
    "get_template",
    "is_composed",
    "is_suppressed",
    "kinds",
    "lift_suppression",
    "list_templates",
    "preview",
    "read_unsubscribe_token",
    "record_bounce",
    "record_delivery",
    "reset_template",
    "select_notifications",
    "select_suppressions",
    "suppress",
    "unsubscribe_url",
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
    subject, text, html = render_current(session, kind, channel, context, language)
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
_TRIED = _ONE.values(attempts=bindparam("tried"))
_SENT, _REFUSED = _TRIED.values(sent_at=func.now()), _TRIED.values(fault=bindparam("why"))


def record_delivery(
    session: Session, kind: str, *, key: str, channel: str, fault: str | None, attempts: int | None = None
) -> None:
    """Records that the channel has accepted the notification, or the `fault` for which it never will."""
    row = {"of_key": key, "of_kind": kind, "of_channel": channel, "tried": attempts}
    if fault is None:
        session.connection().execute(_SENT, row)
    else:
        session.connection().execute(_REFUSED, {**row, "why": fault})


def erase_user(session: Session, user_id: str) -> int:
    """Erases the recipient and the text of a user's notifications, and returns how many. Their rows stay."""
    rows = update(Notification).where(Notification.user_id == user_id, Notification.recipient != ERASED)
    erased = rows.values(recipient=ERASED, subject="", text="")
    return cast(CursorResult[None], session.execute(erased)).rowcount
