"""The table of notifications."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created

ERASED = "erased"
"""Replaces the recipient once the account is closed."""


class Notification(Base):
    """One message to one recipient. `key` says what it is about: it is sent once per key, kind and channel.

    `recipient`: a mail address, a phone number, or the host of a push service. `sent_at`: when the channel accepted it.
    `attempts`: how many that took. `fault`: why it will never arrive. `last_error`: why it is sent again later.
    `held`: the mail, if it is held until the recipient has confirmed the address.
    """

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("key", "kind", "channel"),
        Index("ix_notification_user_id_id", "user_id", "id"),
        Index("ix_notification_held", "user_id", "id", postgresql_where=text("held IS NOT NULL")),
        {"schema": "notifications"},
    )
    id: Mapped[str] = mapped_column(Id("ntf"), primary_key=True)
    key: Mapped[str]
    user_id: Mapped[str | None] = mapped_column(Id("usr"))
    kind: Mapped[str]
    channel: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[Created]
    sent_at: Mapped[datetime | None]
    fault: Mapped[str | None]
    attempts: Mapped[int | None]
    last_error: Mapped[str | None]
    bounced_at: Mapped[datetime | None]
    held: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class Override(Base):
    """A template that staff have changed. `failed_at` and `error`: of its first failure since then."""

    __tablename__ = "template"
    __table_args__ = ({"schema": "notifications"},)
    kind: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True)
    subject: Mapped[str]
    text: Mapped[str]
    updated_at: Mapped[Created]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(500))


class Suppression(Base):
    """A mail address, folded (models/core/folding.py), to which only mandatory mails are sent, or a phone number, to
    which nothing is.

    `source`: see suppressions.py.
    """

    __tablename__ = "suppression"
    __table_args__ = ({"schema": "notifications"},)
    address: Mapped[str] = mapped_column(String(254), primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[Created]


class Message(NamedTuple):
    """What a channel is given to send. `html`: the text as HTML, if it is known."""

    id: str
    recipient: str
    subject: str
    text: str
    html: str | None
