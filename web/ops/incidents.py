"""Incidents: what requires an operator, from its alert to its cause."""

from dataclasses import dataclass
from datetime import datetime

from flask import Response, request, url_for
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.core import event_log
from models.core.database import transaction
from models.core.event_log import Event
from serving.pages import page
from web import access
from web.blueprint import ops
from web.ops.pages import may, show

PAGE = 50
_OPEN = text("""
    SELECT id FROM (
        SELECT DISTINCT ON (subject) id, name FROM workflow.event
        WHERE name IN ('incident.opened', 'incident.resolved') ORDER BY subject, id DESC
    ) AS latest WHERE name = 'incident.opened'
""").columns(Event.id)


@dataclass(frozen=True)
class Incident:
    """An incident. `cause`: the address where its cause is seen; empty if this user may not see it."""

    name: str
    state: str
    detail: str
    at: datetime
    cause: str


@ops.get("/incidents")
@access.allowed("runs:read")
def incidents() -> Response:
    """Open incidents, and the history of all."""
    with transaction() as session:
        found = page(
            session, event_log.select_events(kind="incident"), Event.id.desc(), limit=PAGE,
            cursor=request.args.get("cursor") or None,
        )  # fmt: skip
        current = open_incidents(session)
    history = [_incident(event) for event in found["data"]]
    return show("incidents.html", current=current, history=history, cursor=found["next_cursor"])


def open_incidents(session: Session) -> list[Incident]:
    """What requires an operator now, newest first."""
    ids = session.scalars(_OPEN).all()
    if not ids:
        return []
    newest_first = select(Event).where(Event.id.in_(ids)).order_by(Event.id.desc())
    return [_incident(event) for event in session.scalars(newest_first)]


def _incident(event: Event) -> Incident:
    name = str(event.subject)
    state, detail = event.name.rpartition(".")[2], str(event.payload.get("detail", ""))
    return Incident(name, state, detail, event.created_at, _cause(name))


def _cause(name: str) -> str:
    kind, _, about = name.partition(":")
    if kind == "stuck":
        return url_for("ops.runs", workflow=about, stuck="true")
    if kind == "audit":
        return url_for("ops.audit") if may("audit:read") else ""
    return url_for("ops.schedule") if name == "dispatchers" else url_for("ops.overview")
