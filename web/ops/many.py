"""Retrying or cancelling many runs: those that are ticked, or all that match the filters of the list."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

import durable
from durable import Refusal
from durable.tables import RunRecord
from models.core.database import transaction
from models.core.errors import Invalid
from serving.staff_actions import current_action, recording
from web import access, once
from web.blueprint import ops, takes_form
from web.forms import is_id
from web.language import gettext
from web.ops.pages import show
from web.ops.runs import chosen, given, problems

MOST = 500  # runs of one form; the oldest of those that match
NAMED = 20  # runs that the preview and the answer name
WORK = {"retry": durable.retry, "cancel": durable.cancel}


@dataclass(frozen=True)
class Outcome:
    """What became of each run. `refused`: run → why."""

    changed: int
    refused: dict[str, str]


@ops.get("/runs/<any(retry, cancel):verb>")
@access.allowed("runs:write")
def many(verb: str) -> Response:
    """Which runs the form would change. Changes nothing."""
    with transaction() as session:
        found = _choose(session)
    return _show(verb, found, None)


@ops.post("/runs/<any(retry, cancel):verb>")
@takes_form
@access.allowed("runs:write")
def change_many(verb: str) -> Response:
    """Changes each in a transaction of its own, once per form: what is refused does not affect the others."""
    ids = request.form.getlist("run")[:MOST]
    with transaction() as session:
        found = _choose(session, ids)
    outcome = Outcome(**once.once_for_many(lambda: vars(_change_all(verb, [run.id for run in found]))))
    return _show(verb, found, outcome)


def _choose(session: Session, ids: Sequence[str] | None = None) -> list[RunRecord]:
    """Those that are ticked, or the oldest that match the filters. Raises Invalid if neither is given."""
    ticked = [run_id for run_id in (request.args.getlist("run") if ids is None else ids) if is_id("run", run_id)]
    if ticked or ids is not None:
        return list(session.scalars(select(RunRecord).where(RunRecord.id.in_(ticked)).order_by(RunRecord.id)))
    asked = given()
    if not asked or problems(asked):
        raise Invalid(gettext("Tick runs, or choose them with filters."))
    query, unknown = chosen(session, asked)
    if query is None:
        raise Invalid(unknown or "")
    return list(session.scalars(query.order_by(RunRecord.id).limit(MOST)))


def _change_all(verb: str, ids: Sequence[str]) -> Outcome:
    refused: dict[str, str] = {}
    action = current_action.get()
    assert action is not None  # the access rule of the view has set it
    for run_id in ids:
        try:
            with recording(replace(action, subject=run_id)), transaction() as session:
                WORK[verb](session, run_id)
        except Refusal as refusal:
            refused[run_id] = refusal.detail
    return Outcome(len(ids) - len(refused), refused)


def _show(verb: str, found: Sequence[RunRecord], outcome: Outcome | None) -> Response:
    counts = Counter((run.workflow, "stuck" if run.stuck_at else run.status) for run in found)
    return show(
        "many.html", verb=verb, found=found, named=NAMED, counts=sorted(counts.items()), most=MOST, outcome=outcome,
        once=once.new_token(),
    )  # fmt: skip
