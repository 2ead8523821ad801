"""One run: its picture, its timeline, its data, and what it has to do with."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Response, request
from sqlalchemy.orm import Session

from durable import UnknownWorkflow, queries, replaying
from durable.plan import plan, progress_in
from durable.queries import database_now
from durable.tables import AttemptRecord, RunRecord, StepRow
from durable.workflow import Workflow, workflow_of
from models.core.database import transaction
from web import access
from web.blueprint import ops
from web.language import gettext
from web.language import translatable as _
from web.ops import logs, picture, related, timeline
from web.ops.masking import is_masked, pretty
from web.ops.pages import show, wants_part
from web.ops.reading import LISTED, read_attempts, read_steps

SAID = {
    "retry": _("The run has been resumed. It has no deadline any more."),
    "cancel": _("The run is being cancelled: what was done is being undone."),
    "signal": _("The signal has been sent."),
    "replay": _("The run has gone back, and performs its steps again."),
    "drop": _("The item will be dropped at its next attempt, and the run has been resumed."),
}  # fmt: skip
"""What a form has done, for the page that is shown after it."""
LONGEST = 20_000  # characters of JSON that are shown of an output
MOST = 100_000  # characters that are shown of all outputs


class Shown(NamedTuple):
    """A value as JSON. `cut`: how many characters are not shown."""

    name: str
    text: str
    cut: int
    is_masked: bool


@ops.get('/runs/<id("run"):run_id>')
@access.allowed("runs:read")
def run(run_id: str) -> Response:
    """The page of a run. `part=live`: what changes while it is under way."""
    with transaction() as session:
        seen = _read(session, run_id)
        if wants_part("live"):
            return show("run_live.html", **seen)
        found, steps = seen["run"], seen["steps"]
        about = related.read_related(session, found)
        children = related.read_children(session, found)
    return show(
        "run.html", **seen, about=about, children=children, links=related.subjects_of(found),
        reveal=access.may("users:read"),
        data=_as_texts([*_data(found, steps), *_former(seen["attempts"])]), said=SAID.get(request.args.get("done", "")),
    )  # fmt: skip


@ops.get('/runs/<id("run"):run_id>/log')
@access.allowed("runs:read")
def run_log(run_id: str) -> Response:
    """The lines of the logs on this machine that are about the run."""
    with transaction() as session:
        found = queries.get_run(session, run_id)
    lines = logs.read_lines(run_id)
    template = "log_lines.html" if wants_part("lines") else "log.html"
    return show(template, run=found, lines=lines, is_here=logs.exist())


def _read(session: Session, run_id: str) -> dict[str, Any]:
    found = queries.get_run(session, run_id)
    steps, (attempts, has_older) = read_steps(session, run_id), read_attempts(session, run_id)
    workflow = declared(found)
    now = database_now(session)
    shown, left = steps[-LISTED:], _left(workflow, found, steps)
    return {
        "run": found, "steps": steps, "now": now, "workflow": workflow,
        "picture": picture.draw(workflow, found, steps) if workflow else None,
        "rows": timeline.rows(found, shown, attempts, now), "older": len(steps) - len(shown),
        "failures": timeline.failed_attempts(attempts), "has_older": has_older,
        "left": left[:LISTED], "more_left": len(left[LISTED:]),
        "error": timeline.describe(found.error), "droppable": droppable(workflow, found, steps),
        "asked": _waits_for(found, steps, attempts), "attempts": attempts,
        "starts": replaying.list_starts(found, steps, now),
    }  # fmt: skip


def declared(run: RunRecord) -> Workflow | None:
    """The declaration of a run's workflow; None if this release has none."""
    try:
        return workflow_of(run.workflow, run.version)
    except UnknownWorkflow:
        return None


def _left(workflow: Workflow | None, run: RunRecord, steps: Sequence[StepRow]) -> list[str]:
    """The steps that are still to come and have not begun."""
    if workflow is None or run.finished_at is not None:
        return []
    begun = {step.name for step in steps}
    planned = plan(workflow, progress_in(run.status, steps))
    return [call.name for stage in planned for call in stage if call.name not in begun]


def droppable(workflow: Workflow | None, run: RunRecord, steps: Sequence[StepRow]) -> list[str]:
    """The items that an operator can drop now; those that fail come first."""
    if workflow is None or run.finished_at is not None:
        return []
    planned = plan(workflow, progress_in(run.status, steps))
    failing = {step.name for step in steps if step.status == "intent"}
    names = [call.name for call in (planned[0] if planned else ()) if call.step.droppable]
    return sorted(names, key=lambda name: name not in failing)


def _waits_for(run: RunRecord, steps: Sequence[StepRow], attempts: Sequence[AttemptRecord]) -> str:
    """The error of the attempt that the run will repeat, for the top of the page."""
    failing = [step for step in steps if step.status == "intent" and step.error]
    if run.finished_at is not None or not failing:
        return ""
    return f"{failing[-1].name}: {timeline.describe(failing[-1].error)}"


def _data(run: RunRecord, steps: Sequence[StepRow]) -> list[tuple[str, Any]]:
    """Name and value of the input, the result, the signals, and each step's output."""
    kept: list[tuple[str, Any]] = [("input", run.input), ("result", run.result), ("signals", run.signals or None)]
    for step in steps[-LISTED:]:
        kept += [(step.name, step.output), (f"{step.name} (request)", step.request)]
        kept.append((f"{step.name} (progress)", step.progress))
    return kept


def _former(attempts: Sequence[AttemptRecord]) -> list[tuple[str, Any]]:
    """As `_data`: the outputs that a replay has discarded."""
    label = gettext("before the replay, attempt")
    return [(f"{one.step} ({label} {one.number})", one.output) for one in attempts]


def _as_texts(kept: Sequence[tuple[str, Any]]) -> list[Shown]:
    """What is kept, as far as there is room on a page."""
    reveal, room, shown = access.may("users:read"), MOST, list[Shown]()
    for name, value in kept:
        if value is not None:
            whole = pretty(value, reveal=reveal)
            text = whole[: min(LONGEST, room)]
            room -= len(text)
            shown.append(Shown(name, text, len(whole) - len(text), not reveal and is_masked(value)))
    return shown
