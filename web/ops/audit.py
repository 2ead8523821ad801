"""The audit: its last results, and the button that runs it as a task."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, g, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from durable.tables import RunRecord
from models.core.database import transaction
from web import access
from web.blueprint import ops, takes_form
from web.once import new_token, once
from web.ops.pages import show, wants_part

WORKFLOW = "audit"
LISTED = 10  # audits


@dataclass(frozen=True)
class Audited:
    """An audit that has ended. `wrong` names the broken invariants."""

    run_id: str
    at: datetime
    ok: bool
    wrong: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    unchecked: list[str]
    silent: str | None
    audit_log: str | None


@ops.get("/audit")
@access.allowed("audit:read")
def audit() -> Response:
    """What the last audit has found, and those before. `part=live`: while one is under way."""
    with transaction() as session:
        listed = _list(session)
    ended = [made for run in listed if (made := _audited(run))]
    under_way = next((run for run in listed if run.finished_at is None), None)
    template = "audit_live.html" if wants_part("live") else "audit.html"
    return show(template, last=ended[0] if ended else None, ended=ended, under_way=under_way, once=new_token())


@ops.post("/audit")
@takes_form
@access.allowed("audit:read")
def run_audit() -> Response:
    """Starts an audit, unless one is under way, and shows the page that follows it."""
    return once(lambda session: (_start(session), url_for("ops.audit"))[1])


def last_audit(session: Session) -> Audited | None:
    """The newest audit that has ended; None: there is none."""
    return next((made for run in _list(session, 2) if (made := _audited(run))), None)


def _list(session: Session, limit: int = LISTED) -> list[RunRecord]:
    """The newest audits. They are found by the unique index of workflow and key, whose ids sort by time."""
    rows = select(RunRecord).where(RunRecord.workflow == WORKFLOW).order_by(RunRecord.key.desc()).limit(limit)
    return list(session.scalars(rows))


def _start(session: Session) -> str:
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("audit", 0))))  # one starts it
    live = select(RunRecord.id).where(RunRecord.workflow == WORKFLOW, RunRecord.finished_at.is_(None))
    under_way: str | None = session.scalars(live.limit(1)).first()
    return under_way or durable.start(session, WORKFLOW, new_id("aud"), {}, owner=g.principal.user_id)


def _audited(run: RunRecord) -> Audited | None:
    if run.finished_at is None or not run.result:
        return None
    found = run.result
    wrong = [finding for finding in found["findings"] if not finding["ok"]]
    return Audited(
        run.id, run.finished_at, found["ok"], wrong, found["findings"], found["unchecked"], found["silent"],
        found["audit_log"],
    )  # fmt: skip
