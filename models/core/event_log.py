"""Events (declared in `events.py`): recorded in the transaction of the change, with the workflows they start."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from sqlalchemy import BigInteger, Index, Select, SmallInteger, String, TextClause, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

import durable
from durable.ids import Id, new_id
from models.core import audit_chain
from models.core.database import Base, Created
from models.core.events import EVENT_TYPES, DomainEvent

actor: ContextVar[str | None] = ContextVar("actor", default=None)
"""The id of the current user or API key; None for the shop itself. Stored with events."""


class Event(Base):
    """A recorded event. Never updated, but for its position.

    `subject`: the id of the affected object. `actor`: the id of the user or API key that caused it.

    Of public events only: `version` of the payload; `ordinal`, from a sequence when the event is inserted, which orders
    the events of a subject; `position` in the feed, without gaps, which the relay gives it after its commit
    (docs/decisions/0022-events-get-positions-after-their-commit.md).
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_name_id", "name", "id"),
        Index("ix_event_subject_id", "subject", "id", postgresql_where=text("subject IS NOT NULL")),
        Index("ix_event_actor_id", "actor", "id", postgresql_where=text("actor IS NOT NULL")),
        Index("ix_event_position", "position", unique=True, postgresql_where=text("position IS NOT NULL")),
        Index("ix_event_name_position", "name", "position", postgresql_where=text("position IS NOT NULL")),
        Index("ix_event_unplaced", "ordinal", postgresql_where=text("position IS NULL AND ordinal IS NOT NULL")),
        {"schema": "workflow"},
    )
    id: Mapped[str] = mapped_column(Id("evt"), primary_key=True)
    name: Mapped[str]
    subject: Mapped[str | None] = mapped_column(String(64))
    actor: Mapped[str | None] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[Created]
    version: Mapped[int | None] = mapped_column(SmallInteger)
    ordinal: Mapped[int | None] = mapped_column(BigInteger)
    position: Mapped[int | None] = mapped_column(BigInteger)


INSERT = """INSERT INTO workflow.event (id, name, subject, actor, payload, version, ordinal)
    VALUES (:event_id, :event_name, :event_subject, :event_actor, :event_payload, :event_version,
        CASE WHEN :event_version IS NOT NULL THEN nextval('workflow.event_ordinal') END)"""
PARAMETERS = (
    bindparam("event_id", type_=Id("evt")),
    *(bindparam(f"event_{name}", type_=String) for name in ("name", "subject", "actor")),
    bindparam("event_payload", type_=JSONB),
    bindparam("event_version", type_=SmallInteger),
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
    row = _row(event)
    session.connection().execute(within, {**(values or {}), **row})
    if audit_chain.is_chained(event.name):
        audit_chain.chain(session, str(row["event_id"]))
    for workflow in event.starts:
        durable.start(session, workflow, key=str(row["event_id"]), input=event.payload())


def emit_all(session: Session, events: Sequence[DomainEvent]) -> None:
    """Records events that start no workflows and are no actions of staff, in few round trips."""
    if events:
        session.connection().execute(_NEW, [_row(event) for event in events])


def _row(event: DomainEvent) -> dict[str, object]:
    row = {
        "id": new_id("evt"), "name": event.name, "subject": event.subject_id(), "actor": actor.get(),
        "payload": event.payload(), "version": event.version,
    }  # fmt: skip
    return {f"event_{key}": value for key, value in row.items()}


def select_events(
    *, kind: str | None = None, name: str | None = None, type: str | None = None, subject: str | None = None,
    actor: str | None = None,
) -> Select[Event]:  # fmt: skip
    """Events, to be ordered by the caller: of a kind, of a name, about something, and by whom, where it is given.

    `type` is the word of other programs for the name.
    """
    chosen = select(Event)
    if kind is not None:
        chosen = chosen.where(Event.name.in_(event_names(kind)))
    asked = ((Event.name, name), (Event.name, type), (Event.subject, subject), (Event.actor, actor))
    return chosen.where(*(column == value for column, value in asked if value is not None))


def event_names(kind: str) -> list[str]:
    """The event names of a kind: a complete name, or the part before the dot (`role` → `role.granted`, …)."""
    return [name for name in EVENT_TYPES if name == kind or name.partition(".")[0] == kind]
