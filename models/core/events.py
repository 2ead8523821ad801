"""Events: recorded in the transaction of the change, together with the workflows that they start (`event_types.py`)."""

from contextvars import ContextVar
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

import durable
from durable.ids import Id, new_id
from models.core.database import Base, Created
from models.core.event_types import EVENT_TYPES, DomainEvent

actor: ContextVar[str | None] = ContextVar("actor", default=None)
"""The id of the current user or API key; None for the shop itself. Stored with events."""


class Event(Base):
    """A recorded event. Never updated.

    `subject`: the id of the affected object. `actor`: the id of the user or API key that caused it.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_name_id", "name", "id"),
        Index("ix_event_subject_id", "subject", "id", postgresql_where=text("subject IS NOT NULL")),
        Index("ix_event_actor_id", "actor", "id", postgresql_where=text("actor IS NOT NULL")),
        {"schema": "workflow"},
    )
    id: Mapped[str] = mapped_column(Id("evt"), primary_key=True)
    name: Mapped[str]
    subject: Mapped[str | None] = mapped_column(String(64))
    actor: Mapped[str | None] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[Created]


_NEW = insert(Event)


def emit(session: Session, event: DomainEvent) -> None:
    """Records an event and starts its workflows, in the caller's transaction."""
    event_id, payload = new_id("evt"), event.payload()
    row = {"id": event_id, "name": event.name, "subject": event.subject_id(), "actor": actor.get(), "payload": payload}
    session.connection().execute(_NEW, row)
    for workflow in event.starts:
        durable.start(session, workflow, key=event_id, input=payload)


def event_names(kind: str) -> list[str]:
    """The event names of a kind: a complete name, or the part before the dot (`role` → `role.granted`, …)."""
    return [name for name in EVENT_TYPES if name == kind or name.partition(".")[0] == kind]
