"""What an operator can do to a run: retry, cancel, signal, drop an item, replay. Each has a page that shows what would
happen.

What would happen is found out by doing it, in a transaction that is rolled back: so that page refuses what the form
would refuse, and shows the steps that the engine would plan.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_origin, get_type_hints

from flask import Response, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import durable
from api.http.request_hooks import find_unstorable, read_json
from api.operations.schemas import Signal
from durable import Refusal, queries, replaying
from durable.plan import plan, progress_in
from durable.tables import RunRecord, StepRow
from durable.workflow import Workflow
from models.core.database import transaction
from models.core.errors import BadRequest, Invalid, NotFound, Stale
from serving.run_signals import missing_members
from web import access
from web.blueprint import ops, takes_form
from web.forms import Form, sent
from web.language import gettext
from web.once import new_token, once
from web.ops.pages import show
from web.ops.reading import LISTED, read_steps
from web.ops.run import declared, droppable
from web.wording import describe_refusal

EMPTY: dict[Any, object] = {str: "", int: 0, dict: {}, list: []}
"""Type of a member → what stands for it in an example; null for all others."""


@dataclass(frozen=True)
class Preview:
    """What would happen. `steps`: stages of names, in order; `items`: what can be chosen: items that can be dropped, or
    steps from which the run can be replayed; `again`: what a replay repeats, and what that does outside the shop;
    `replays`: how often it was replayed before;
    `signals`: those that its workflow declares, each with an example of its data as JSON;
    `refusal`: why it is not possible; `ends`: it would end at once."""

    id: str
    workflow: str
    before: str
    status: str
    steps: list[list[str]]
    items: list[str]
    refusal: str
    ends: bool
    again: list[tuple[str, str]] = field(default_factory=list)
    replays: int = 0
    signals: dict[str, str] = field(default_factory=dict)


class _RolledBackError(Exception):
    """Ends the transaction of a rehearsal."""


@ops.get('/runs/<id("run"):run_id>/<any(retry, cancel, signal, drop, replay):verb>')
@access.allowed("runs:write")
def preview(run_id: str, verb: str) -> Response:
    """What the verb would do, with the button that does it. Changes nothing."""
    return _preview(run_id, verb, Form(request.args.to_dict()))


@ops.post('/runs/<id("run"):run_id>/<any(retry, cancel, signal, drop, replay):verb>')
@takes_form
@access.allowed("runs:write")
def change(run_id: str, verb: str) -> Response:
    """Does it, once per form, and shows the run."""
    done = url_for("ops.run", run_id=run_id, done=verb)
    form = sent()
    try:
        work = _work(verb, form)
        return once(lambda session: (work(session, run_id), done)[1])
    except NotFound:
        raise
    except Refusal as error:
        form.refuse(error)
        return _preview(run_id, verb, form, 409 if error.status == 409 else 422)


def _work(verb: str, form: Form) -> Callable[[Session, str], object]:
    """What the verb does to a run. Raises Invalid for what was filled in."""
    if verb == "retry":
        return durable.retry
    if verb == "cancel":
        return durable.cancel
    step = form.values.get("step", "")
    if verb == "drop":
        return lambda session, run_id: durable.drop(session, run_id, step)
    if verb == "replay":
        return lambda session, run_id: _replay(session, run_id, step, form.values.get("replays", ""))
    sent = _read_signal(form)
    return lambda session, run_id: _send(session, run_id, sent["name"], sent["data"])


def _replay(session: Session, run_id: str, step: str, replays: str) -> None:
    """Raises Stale if somebody has replayed the run since the preview: each replay of a mail sends it again."""
    run = durable.replay(session, run_id, step)
    if replays != str(run.replays - 1):
        raise Stale("The run was replayed since this page was opened.")


def _send(session: Session, run_id: str, name: str, data: dict[str, Any]) -> None:
    """Raises Invalid if the data of a declared signal lacks a member."""
    if missing := missing_members(session, run_id, name, data):
        reason = gettext("The signal %(name)s needs %(members)s.") % {"name": name, "members": ", ".join(missing)}
        raise Invalid("data", errors={"data": [reason]})
    durable.signal(session, run_id, name, data)


def _read_signal(form: Form) -> dict[str, Any]:
    try:
        data = read_json(form.values.get("data") or "{}")
        if not isinstance(data, dict) or next(find_unstorable(data), None) is not None:
            raise BadRequest("This cannot be stored.")
    except BadRequest:
        raise Invalid("data", errors={"data": [gettext("This is not a JSON object.")]}) from None
    try:
        return dict(Signal().load({"name": form.values.get("name", ""), "data": data}))
    except ValidationError as error:
        raise Invalid("fields", errors=error.messages) from None


def _preview(run_id: str, verb: str, form: Form, status: int = 200) -> Response:
    seen = _rehearse_replay(run_id, form) if verb == "replay" else _rehearse(run_id, lambda s, run: _try(s, run, verb))
    if seen.refusal and status == 200:
        form.refusal = seen.refusal
    return show("change.html", status, verb=verb, seen=seen, form=form, once=new_token())


def _rehearse_replay(run_id: str, form: Form) -> Preview:
    """Of the step that is chosen, or else of the first from which the run can be replayed."""
    with transaction() as session:
        run, steps, now = queries.get_run(session, run_id), read_steps(session, run_id), queries.database_now(session)
        starts = replaying.list_starts(run, steps, now)
        chosen = form.values.setdefault("step", starts[0] if starts else "")
        whole = chosen.partition("[")[0]  # an item can be replayed alone, though not all of them are offered
        repeated = replaying.find_again(run, steps, chosen, now) if _is_begun(steps, chosen, whole in starts) else []
        if repeated and chosen not in starts:
            starts = [chosen, *starts]
        again = [(record.name, outside(declared(run), record.name)) for record in repeated]
        replays = run.replays
    if not starts:
        refusal = gettext("No step of this run may be performed again.")
        return replace(_rehearse(run_id, lambda session, run: None), steps=[], items=[], refusal=refusal)
    seen = _rehearse(run_id, lambda session, run: durable.replay(session, run.id, chosen))
    return replace(seen, items=starts, again=again, replays=replays)


def _is_begun(steps: Sequence[StepRow], name: str, is_offered: bool) -> bool:
    return is_offered and any(name in (step.name, step.name.partition("[")[0]) for step in steps)


def _rehearse(run_id: str, work: Callable[[Session, RunRecord], object]) -> Preview:
    """Does it and rolls it back. A signal and a drop are filled in later: they are rehearsed as a retry is."""
    found: list[Preview] = []
    try:
        with transaction() as session:
            run = queries.get_run(session, run_id)
            before = run.status
            found.append(_look(session, run, before))
            work(session, run)
            session.flush()
            session.refresh(run)
            found.append(_look(session, run, before))
            raise _RolledBackError
    except _RolledBackError:
        return found[-1]
    except Refusal as refusal:
        if not found:
            raise
        return replace(found[0], steps=[], items=[], refusal=describe_refusal(refusal.code, refusal.detail))


def outside(workflow: Workflow | None, name: str) -> str:
    """What a step with this name does outside the shop: it sends a `mail`, makes another `call`, or nothing."""
    steps = workflow.all_steps() if workflow else []
    if not any(step.name == name.partition("[")[0] and step.is_external for step in steps):
        return ""
    return "mail" if name.startswith("notifications.") else "call"


def _try(session: Session, run: RunRecord, verb: str) -> None:
    if verb == "cancel":
        durable.cancel(session, run.id)
    elif verb == "signal":
        durable.signal(session, run.id, "preview", {})
    else:
        durable.retry(session, run.id)


def _look(session: Session, run: RunRecord, before: str) -> Preview:
    workflow, steps = declared(run), read_steps(session, run.id)
    planned = plan(workflow, progress_in(run.status, steps)) if workflow and run.finished_at is None else []
    names = [[call.name for call in stage] for stage in planned]
    items = droppable(workflow, run, steps)[:LISTED]
    signals = {name: example_of(data) for name, data in (workflow.signals if workflow else {}).items()}
    ends = run.finished_at is not None
    return Preview(run.id, run.workflow, before, run.status, names, items, "", ends, signals=signals)


def example_of(data: type | None) -> str:
    """An example of a signal's data as JSON: each member with an empty value of its type."""
    known = get_type_hints(data) if data else {}
    return json.dumps({name: EMPTY.get(get_origin(kind) or kind) for name, kind in known.items()})
