"""Facts that others react to, and the one table of which fact starts which workflows."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Index, Select, String, TextClause, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

import durable
from durable.ids import Id, new_id
from models.core.database import Base, Created

REACTIONS: dict[str, tuple[str, ...]] = {
    "account.registered": ("welcome",),
    "account.closed": ("erasure",),
    "key.created": (),
    "key.revoked": (),
    "login.throttled": (),
    "password.changed": ("password_changed",),
    "role.changed": (),
    "role.created": (),
    "role.deleted": (),
    "role.granted": (),
    "role.revoked": (),
    "session.stolen": (),
    "staff.acted": (),
    "order.created": (),
    "order.confirmed": (),
    "order.cancelled": (),
    "run.stuck": (),
    "stock.low": ("low_stock",),
    "stock.recovered": (),
}
"""Event → the workflows that it starts, each with the event as its key and the payload as its input."""


actor: ContextVar[str | None] = ContextVar("actor", default=None)
"""Who is at work: the id of a user or of an API key; None for the shop itself. Written onto the events."""


class Event(Base):
    """Something that happened, in the past tense; never changed.

    `subject` is the id of what it happened to, `actor` the id of the user or the API key that did it.
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


SUBJECTS = dict.fromkeys(("account", "login", "password", "session"), "user_id") | {"stock": "product_id"}
"""First word of an event's name → the member of its payload that says what it is about, if not `<word>_id`."""

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
    session: Session,
    name: str,
    payload: dict[str, Any],
    *,
    subject: str | None = None,
    within: TextClause = _NEW,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Records that `name` has happened and starts what reacts to it, in the caller's transaction.

    `subject`, if left out, is the payload's `<first word of the name>_id`, as SUBJECTS has it. `within` is a statement
    of the caller's of which INSERT is a part, and `values` are its other parameters: the event then costs no round
    trip of its own. Raises KeyError for an event that REACTIONS does not list: a fact nobody knows of is a slip of the
    pen.
    """
    reactions = REACTIONS[name]
    event_id, word = new_id("evt"), name.partition(".")[0]
    about = subject or payload.get(SUBJECTS.get(word, f"{word}_id"))
    row = {"id": event_id, "name": name, "subject": about, "actor": actor.get(), "payload": payload}
    session.connection().execute(within, {**(values or {}), **{f"event_{key}": value for key, value in row.items()}})
    for workflow in reactions:
        durable.start(session, workflow, key=event_id, input=payload)


def select_events(
    *, kind: str | None = None, name: str | None = None, subject: str | None = None, actor: str | None = None
) -> Select[Any]:
    """Events, to be ordered by the caller: of a kind, of a name, about something, and by whom, where it is given."""
    chosen = select(Event)
    if kind is not None:
        chosen = chosen.where(Event.name.in_(names_of(kind)))
    asked = ((Event.name, name), (Event.subject, subject), (Event.actor, actor))
    return chosen.where(*(column == value for column, value in asked if value is not None))


def names_of(kind: str) -> list[str]:
    """The names of events of a kind, which is one of them or what stands before the dot: `role` → `role.granted`, …"""
    return [name for name in REACTIONS if name == kind or name.partition(".")[0] == kind]
