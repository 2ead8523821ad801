"""The table of notifications."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created

ERASED = "erased"
"""Replaces the recipient once the account is closed."""


class Notification(Base):
    """One message to one recipient. `key` says what it is about: it is sent once per key, kind and channel."""

    __tablename__ = "notification"
    __table_args__ = (UniqueConstraint("key", "kind", "channel"), {"schema": "notifications"})
    id: Mapped[str] = mapped_column(Id("ntf"), primary_key=True)
    key: Mapped[str]
    user_id: Mapped[str | None] = mapped_column(Id("usr"), index=True)
    kind: Mapped[str]
    channel: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[Created]
    sent_at: Mapped[datetime | None]
    fault: Mapped[str | None]


class Message(NamedTuple):
    """What a channel is given to send. `html`: the text as HTML, if it is known."""

    id: str
    recipient: str
    subject: str
    text: str
    html: str | None
