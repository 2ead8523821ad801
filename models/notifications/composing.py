"""Composes notifications, stores them, and records what became of them."""

from typing import cast

from sqlalchemy import CursorResult, Integer, bindparam, case, func, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models.notifications.kinds import Context, Kind
from models.notifications.overrides import render_current
from models.notifications.tables import ERASED, Message, Notification

WORKFLOWS = {"sms": "text_message", "push": "push_message"}
"""Channel → the workflow that sends one of its messages."""

CLOSED = "The account was closed."
"""Why mails that were held until then are never sent."""

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


def start_message(
    session: Session,
    kind: Kind[Context],
    context: Context,
    *,
    about: str,
    channel: str,
    recipient: str,
    language: str,
    user_id: str | None,
    device_id: str | None = None,
    owner: str | None = None,
) -> str:
    """Composes a text message or a push notification, and starts the run that sends it; returns the run's id.

    `about`: the key of the notification of which it is a copy. A second call for the same key, kind, channel and device
    changes nothing. The run is independent of the caller's: it delays nothing. `owner`: the user who may follow it.
    """
    workflow = WORKFLOWS[channel]
    key = ":".join(filter(None, (about, kind.name, device_id)))
    message = compose(
        session, kind, context, key=f"{workflow}:{key}", channel=channel, recipient=recipient, language=language,
        user_id=user_id,
    )  # fmt: skip
    message_input = {"notification_id": message.id, "device_id": device_id}
    return durable.start(session, workflow, key=key, input=message_input, owner=owner)


def get_notification(session: Session, notification_id: str) -> Notification:
    """Returns a notification that a live run sends, which retention keeps."""
    return session.get_one(Notification, notification_id)


_SAME = (Notification.key == bindparam("of_key")) & (Notification.kind == bindparam("of_kind"))


def is_composed(session: Session, kind: Kind[Context], key: str) -> bool:
    """Whether a notification of this kind was composed for the key."""
    found = select(Notification.id).where(_SAME).limit(1)
    return session.scalars(found, {"of_key": key, "of_kind": kind.name}).one_or_none() is not None


_ONE = update(Notification).where(_SAME, Notification.channel == bindparam("of_channel"))
_ONE_MORE = func.coalesce(Notification.attempts, 0) + 1
_TRIED = _ONE.values(attempts=func.coalesce(bindparam("tried", type_=Integer), _ONE_MORE))
_SENT = _TRIED.values(sent_at=func.now(), last_error=None)
_REFUSED = _TRIED.values(fault=bindparam("why"))
_DELAYED = _ONE.values(attempts=_ONE_MORE, last_error=bindparam("why"))


def record_delivery(
    session: Session, kind: str, *, key: str, channel: str, fault: str | None, attempts: int | None = None
) -> None:
    """Records that the channel has accepted the notification, or the `fault` for which it never will.

    `attempts`: None for one more than were recorded.
    """
    row = {"of_key": key, "of_kind": kind, "of_channel": channel, "tried": attempts}
    if fault is None:
        session.connection().execute(_SENT, row)
    else:
        session.connection().execute(_REFUSED, {**row, "why": fault})


def record_delay(session: Session, kind: str, *, key: str, channel: str, reason: str) -> None:
    """Records an attempt after which the notification is sent again later, and why."""
    row = {"of_key": key, "of_kind": kind, "of_channel": channel, "why": reason[:500]}
    session.connection().execute(_DELAYED, row)


def erase_user(session: Session, user_id: str) -> int:
    """Erases the recipient and the text of a user's notifications, and returns how many. Their rows stay. Held mails
    will not be sent."""
    rows = update(Notification).where(Notification.user_id == user_id, Notification.recipient != ERASED)
    fault = case((Notification.held.is_not(None), CLOSED), else_=Notification.fault)
    erased = rows.values(recipient=ERASED, subject="", text="", held=null(), fault=fault)
    return cast(CursorResult[None], session.execute(erased)).rowcount
