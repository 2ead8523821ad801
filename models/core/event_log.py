"""Events (declared in `events.py`): recorded in the transaction of the change, with the workflows they start."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Index, Select, String, TextClause, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

import durable
from durable.ids import Id, new_id
from models.core.database import Base, Created
from models.core.events import EVENT_TYPES, DomainEvent

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


INSERT = """INSERT INTO workflow.event (id, name, subject, actor, payload)
    VALUES (:event_id, :event_name, :event_subject, :event_actor, :event_payload)"""
PARAMETERS = (
    bindparam("event_id", type_=Id("evt")),
    *(bindparam(f"event_{name}", type_=String) for name in ("name", "subject", "actor")),
    bindparam("event_payload", type_=JSONB),
)
"""The types of the parameters of INSERT."""
_NEW = text(INSERT).bindparams(*PARAMETERS)


def emit(
    session: Session, event: DomainEvent, *, within: TextClause = _NEW, values: Mapping[str, object] | None = None
) -> None:
    """Records an event and starts its workflows, in the caller's transaction.

    `within` is a statement of the caller's of which INSERT is a part, and `values` are its other parameters: the event
    then costs no round trip of its own.
    """
    event_id, payload = new_id("evt"), event.payload()
    row = {"id": event_id, "name": event.name, "subject": event.subject_id(), "actor": actor.get(), "payload": payload}
    session.connection().execute(within, {**(values or {}), **{f"event_{key}": value for key, value in row.items()}})
    for workflow in event.starts:
        durable.start(session, workflow, key=event_id, input=payload)


def select_events(
    *, kind: str | None = None, name: str | None = None, subject: str | None = None, actor: str | None = None
) -> Select[Event]:
    """Events, to be ordered by the caller: of a kind, of a name, about something, and by whom, where it is given."""
    chosen = select(Event)
    if kind is not None:
        chosen = chosen.where(Event.name.in_(event_names(kind)))
    asked = ((Event.name, name), (Event.subject, subject), (Event.actor, actor))
    return chosen.where(*(column == value for column, value in asked if value is not None))


def event_names(kind: str) -> list[str]:
    """The event names of a kind: a complete name, or the part before the dot (`role` → `role.granted`, …)."""
    return [name for name in EVENT_TYPES if name == kind or name.partition(".")[0] == kind]
