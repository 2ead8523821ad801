"""What the shop tells people, and whether it went out."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from durable.ids import Id, new_id
from models.core.database import Base, Created

TEMPLATES = {
    "order_confirmed": (
        "Your order {number} is confirmed",
        "Dear {first_name},\n\nthank you for your order {number}.\n\n{lines}\n\nTotal: {total}\n"
        "Invoice: {invoice}\n\nWe will tell you when it is on its way.\n",
    ),
    "order_cancelled": (
        "Your order {number} could not be completed",
        "Dear {first_name},\n\nyour order {number} could not be completed:\n\n  {reason}\n\n"
        "You have not been charged. What you wanted is still in your cart.\n",
    ),
    "cart_reminder": (
        "You have left something in your cart",
        "Dear {first_name},\n\nthis is still in your cart:\n\n{lines}\n\n"
        "Nothing of it is held back for you until you check out.\n",
    ),
    "welcome": (
        "Welcome to our shop",
        "Dear {first_name},\n\nyour account {username} is open. You can sign in with this name or with your e-mail "
        "address.\n\nIf it was not you who opened it, please tell us.\n",
    ),
    "password_reset": (
        "A new password for {username}",
        "Dear {first_name},\n\nsomebody, we hope you, has asked for a new password for your account {username}.\n\n"
        "{how}\n\nThis is good for an hour, and once. If it was not you, you need not do anything: your password "
        "stays as it is.\n",
    ),
    "password_changed": (
        "Your password was changed",
        "Dear {first_name},\n\nthe password of your account {username} was changed, and everybody who was signed in "
        "elsewhere is signed out.\n\nIf it was not you, ask for a new password at once, and tell us.\n",
    ),
    "stock_low": (
        "Low stock: {sku} in {warehouse}",
        "{title} ({sku}) has come down to {available} available pieces in {warehouse}.\n"
        "Its reorder point is {reorder_point}.\n\n{ordered}\n",
    ),
    "goods_ordered": (
        "Purchase order {number}",
        "Please deliver to {warehouse}:\n\n{lines}\n\nPurchase order {number}\n",
    ),
    "order_withdrawn": (
        "Purchase order {number} is cancelled",
        "Please do not deliver what is still due of purchase order {number} to {warehouse}:\n\n{lines}\n",
    ),
    "restock_cancelled": (
        "Purchase order {number} was not sent",
        "Purchase order {number} could not be sent to the supplier, and is closed:\n\n  {reason}\n",
    ),
    "goods_received": (
        "Purchase order {number} is {status}",
        "What came of purchase order {number} is in {warehouse}:\n\n{lines}\n",
    ),
}
"""Kind → subject and text."""


class Notification(Base):
    """One message to one person. `key` says what it is about, so that it is never told twice."""

    __tablename__ = "notification"
    __table_args__ = ({"schema": "notifications"},)
    id: Mapped[str] = mapped_column(Id("ntf"), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[str | None] = mapped_column(Id("usr"), index=True)
    kind: Mapped[str]
    channel: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[Created]
    sent_at: Mapped[datetime | None]
    fault: Mapped[str | None]


ERASED = "erased"
"""Stands in place of the receiver once that person is forgotten."""

Mail = Row[str, str, str, str]
"""The id, recipient, subject and text of a notification."""

_NEW = insert(Notification).values(
    {name: bindparam(name) for name in ("id", "key", "user_id", "kind", "channel", "recipient", "subject", "text")}
)
# Setting the key to itself changes nothing, and returns the row that is there.
_COMPOSE = _NEW.on_conflict_do_update(index_elements=["key"], set_={"key": _NEW.excluded.key}).returning(
    Notification.id, Notification.recipient, Notification.subject, Notification.text
)


def compose(session: Session, key: str, kind: str, user_id: str | None, recipient: str, **words: Any) -> Mail:
    """Writes a mail of that kind and returns its id, recipient, subject and text.

    Once for each key: a second call returns the first one's mail.
    """
    subject, text = TEMPLATES[kind]
    row = {
        "id": new_id("ntf"), "key": key, "user_id": user_id, "kind": kind, "channel": "email", "recipient": recipient,
        "subject": subject.format(**words), "text": text.format(**words),
    }  # fmt: skip
    return session.connection().execute(_COMPOSE, row).one()


def composed(session: Session, key: str) -> bool:
    """Whether a mail with that key was written."""
    return session.scalars(select(Notification.id).where(Notification.key == key)).one_or_none() is not None


_SENT = update(Notification).where(Notification.key == bindparam("of_key"))
_WENT_OUT, _FAILED = _SENT.values(sent_at=func.now()), _SENT.values(fault=bindparam("why"))


def sent(session: Session, key: str, fault: str | None) -> None:
    """Records that the mail server has taken it, or for which fault it never will."""
    if fault is None:
        session.connection().execute(_WENT_OUT, {"of_key": key})
    else:
        session.connection().execute(_FAILED, {"of_key": key, "why": fault})


def erase_user(session: Session, user_id: str) -> int:
    """Erases to whom and what was told to a user, and says how many mails; that they were sent stays."""
    theirs = update(Notification).where(Notification.user_id == user_id, Notification.recipient != ERASED)
    erased = theirs.values(recipient=ERASED, subject="", text="")
    return cast(CursorResult[None], session.execute(erased)).rowcount
