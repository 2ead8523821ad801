"""Facts that others react to, and the one table of which fact starts which workflows."""

from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import runs
from models.database import Base, Created, Id, new_id

REACTIONS: dict[str, tuple[str, ...]] = {
    "order.created": (),
    "order.cancelled": (),
    "run.stuck": (),
    "stock.low": ("low_stock",),
    "stock.recovered": (),
}
"""Event → the workflows that it starts, each with the event as its key and the payload as its input."""


class Event(Base):
    """Something that happened, in the past tense; never changed."""

    __tablename__ = "event"
    __table_args__ = ({"schema": "workflow"},)
    id: Mapped[str] = mapped_column(Id("evt"), primary_key=True)
    name: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[Created]


_NEW = insert(Event)


def emit(session: Session, name: str, payload: dict[str, Any]) -> None:
    """Records that `name` has happened and starts what reacts to it, in the caller's transaction.

    Raises KeyError for an event that REACTIONS does not list: a fact nobody knows of is a slip of the pen.
    """
    reactions = REACTIONS[name]
    event_id = new_id("evt")
    session.connection().execute(_NEW, {"id": event_id, "name": name, "payload": payload})
    for workflow in reactions:
        runs.start(session, workflow, key=event_id, input=payload)
