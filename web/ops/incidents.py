"""Incidents: what requires an operator, from its alert to its cause."""

from dataclasses import dataclass
from datetime import datetime

from flask import Response, request, url_for
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from durable.queries import database_now, find_runs
from durable.tables import RunRecord
from models.core import event_log
from models.core.database import transaction
from models.core.errors import NotFound
from models.core.event_log import Event
from serving.pages import page
from web import access
from web.blueprint import ops
from web.ops.pages import show

PAGE = 50
LISTED = 10  # stuck runs on the page of an incident
_OPEN = text("""
    SELECT id FROM (
        SELECT DISTINCT ON (subject) id, name FROM workflow.event
        WHERE name IN ('incident.opened', 'incident.resolved') ORDER BY subject, id DESC
    ) AS latest WHERE name = 'incident.opened'
""").columns(Event.id)


@dataclass(frozen=True)
class Incident:
    """An incident. `cause`: the address where its cause is seen; empty if this user may not see it. `workflow`: of the
    runs that are stuck, or empty."""

    name: str
    state: str
    detail: str
    at: datetime
    cause: str
    workflow: str


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


@ops.get("/incidents/<name>")
@access.allowed("runs:read")
def incident(name: str) -> Response:
    """One incident, to which its mail leads: what requires an operator, with the runs, and how often it was so."""
    with transaction() as session:
        seen = event_log.select_events(kind="incident", subject=name)
        history = [_incident(event) for event in session.scalars(seen.order_by(Event.id.desc()).limit(PAGE))]
        if not history:
            raise NotFound("There was no such incident.")
        workflow = history[0].workflow
        wanted = find_runs(workflow, stuck=True).order_by(RunRecord.id).limit(LISTED)
        runs, now = list(session.scalars(wanted)) if workflow else [], database_now(session)
    return show("incident.html", incident=history[0], history=history, runs=runs, now=now, most=LISTED)


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
    workflow = name.removeprefix("stuck:") if name.startswith("stuck:") else ""
    return Incident(name, state, detail, event.created_at, _cause(name), workflow)


def _cause(name: str) -> str:
    kind, _, about = name.partition(":")
    if kind == "stuck":
        return url_for("ops.runs", workflow=about, stuck="true")
    if kind == "audit":
        return url_for("ops.audit") if access.may("audit:read") else ""
    return url_for("ops.schedule") if name == "dispatchers" else url_for("ops.overview")
