"""The start page of the console: what is under way, and what needs an operator. Every figure leads to its list."""

from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from durable.schedule import list_slots
from models.core.database import transaction
from monitoring import overview as reading
from monitoring import workers
from monitoring.health import OVERDUE
from monitoring.rates import cached
from web import access
from web.blueprint import ops
from web.ops.audit import last_audit
from web.ops.incidents import open_incidents
from web.ops.pages import show, wants_part
from web.ops.rates import draw

RELAY_OVERDUE = 60.0  # seconds without a move while events wait


@ops.get("/")
@access.allowed("runs:read")
def overview() -> Response:
    """Runs, queues and the processes that move them. `part=live`: what changes all the time."""
    asked = reading.ask_broker()
    with transaction() as session:
        seen = _read(session, asked)
        if wants_part("live"):
            return show("overview_live.html", **seen)
        audited = last_audit(session) if access.may("audit:read") else None
        charts = draw(cached.read(session))
    return show("overview.html", **seen, audited=audited, charts=charts)


def _read(session: Session, asked: reading.Lengths) -> dict[str, Any]:
    seen, answer = reading.read_overview(session, asked), workers.find_workers()
    dispatchers, cursors = reading.read_dispatchers(session), reading.read_cursors(session)
    slots = list_slots(session)
    statuses = sorted({row.status for row in seen.live})
    by_workflow: dict[str, dict[str, Any]] = {}
    for row in seen.live:
        by_workflow.setdefault(row.workflow, {})[row.status] = row
    return {
        "seen": seen, "answer": answer, "statuses": statuses, "by_workflow": by_workflow,
        "failed": {row.workflow: row for row in seen.failed},
        "totals": {status: sum(row.runs for row in seen.live if row.status == status) for status in statuses},
        "dispatchers": dispatchers, "sweeps": bool(dispatchers) and dispatchers[0].since <= OVERDUE,
        "cursors": cursors, "relay_late": any(row.behind and row.since > RELAY_OVERDUE for row in cursors),
        "missed": sum(len(slot.missed) for slot in slots), "next_slot": slots[0] if slots else None,
        "incidents": open_incidents(session), "per_minute": reading.RECENT / 60,
        "started": sum(row.started for row in seen.recent),
    }  # fmt: skip
