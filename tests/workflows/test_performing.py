"""Steps that share a transaction: what goes wrong in one is written down there, and what came before it stays."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from tasks.step import Step, outside_step, step, step_committed_at_once, step_for_each
from workflows.engine import FRESH, WORKFLOWS, Call, Each, Progress, Workflow, plan
from workflows.performing import Performer

from models import runs
from models.database import transaction
from models.errors import Conflict
from tests.workflows.steps import A, B, C


@pytest.fixture(autouse=True)
def _shop(database: None) -> Iterator[None]:
    """A new shop's database; the workflow that a test declares is forgotten after it."""
    yield
    WORKFLOWS.pop("shared", None)


def _step(name: str, work: Any) -> Step:
    work.__module__, work.__name__ = "tasks.reports", name
    return step(work)


def _performed(last: Step, **options: Any) -> tuple[Performer, int, dict[str, runs.Step]]:
    """A run of A, B and `last`, performed by one worker as far as it goes."""
    workflow = Workflow("shared", A, B, last)
    with transaction() as session:
        run_id = runs.start(session, "shared", "it", {})
        session.info.clear()  # no message: we are the worker
    calls: list[Call] = [call for stage in plan(workflow, FRESH) for call in stage]
    performer = Performer(run_id, 0, worker="w", again=options.get("again", False), note=lambda *_: None)
    past = performer.perform(calls, time.monotonic() + 10)
    with transaction() as session:
        return performer, past, {found.name: found for found in runs.steps_of(session, [run_id])[run_id]}


def test_what_is_raised_is_written_at_its_own_step() -> None:
    def burst(session: Any, run: Any) -> None:
        raise ZeroDivisionError

    performer, past, steps = _performed(_step("burst", burst))
    assert (performer.stopped, past) == (True, 2)
    assert {name: found.status for name, found in steps.items()} == {
        "reports.a": "done", "reports.b": "done", "reports.burst": "intent",
    }  # fmt: skip
    assert "ZeroDivisionError" in (steps["reports.burst"].error or {})["trace"]


def test_what_can_not_be_written_is_told_and_not_tried_for_ever() -> None:
    performer, past, steps = _performed(_step("unwritable", lambda session, run: {"output": object()}))
    assert (performer.stopped, past) == (True, 2)
    assert "not JSON serializable" in (steps["reports.unwritable"].error or {})["trace"]


def test_a_refusal_turns_the_run_back_and_keeps_what_was_done() -> None:
    def refuse(session: Any, run: Any) -> None:
        raise Conflict("No.", code="no")

    performer, past, steps = _performed(_step("refuse", refuse))
    assert (performer.stopped, past, performer.generation) == (False, 2, 1)
    assert [steps[f"reports.{name}"].status for name in ("a", "b", "refuse")] == ["done", "done", "refused"]


@pytest.mark.parametrize(("again", "transactions"), [(False, 1), (True, 3)])
def test_after_a_worker_has_died_each_step_is_committed_by_itself(again: bool, transactions: int) -> None:
    seen: list[int] = []

    def last(session: Any, run: Any) -> None:
        seen.append(session.scalar(text("SELECT count(DISTINCT xmin::text) FROM workflow.step")))

    _, past, steps = _performed(_step(f"last_{transactions}", last), again=again)
    assert past == 3
    assert len(steps) == 3
    assert seen == [transactions - 1]


def test_each_item_is_committed_by_itself() -> None:
    seen: list[int] = []

    def part(session: Any, run: Any, item: str) -> None:
        seen.append(session.scalar(text("SELECT count(*) FROM workflow.step")))

    part.__module__, part.__name__ = "tasks.reports", "one_item"
    found = _step("found", lambda session, run: {"items": ["x", "y", "z"]})
    each = Each(step_for_each(part), over=lambda outputs: (outputs["reports.found"] or {})["items"])
    workflow = Workflow("shared", found, each, A)
    with transaction() as session:
        run_id = runs.start(session, "shared", "it", {})
        session.info.clear()
    known = Progress("running", {"reports.found": "done"}, {"reports.found": {"items": ["x", "y", "z"]}})
    calls = [*plan(workflow, FRESH)[0], *plan(workflow, known)[0]]
    performer = Performer(run_id, 0, worker="w", again=False, note=lambda *_: None)
    assert performer.perform(calls, time.monotonic() + 10) == 4
    assert seen == [0, 2, 3]


def _named(name: str, work: Any) -> Any:
    work.__module__, work.__name__ = "tasks.reports", name
    return work


def _started(workflow: Workflow) -> tuple[str, list[Call]]:
    with transaction() as session:
        run_id = runs.start(session, workflow.name, "it", {})
        session.info.clear()  # no message: we are the worker
    return run_id, [call for stage in plan(workflow, FRESH) for call in stage]


def _written() -> dict[str, tuple[str, str]]:
    """Step → its status, and which transaction has written it."""
    with transaction() as session:
        rows = session.execute(text("SELECT name, status, xmin::text FROM workflow.step"))
        return {name.removeprefix("reports."): (status, by) for name, status, by in rows}


def test_behind_a_step_that_every_run_waits_for_nothing_but_a_call_outside_is_begun() -> None:
    seen: list[dict[str, tuple[str, str]]] = []
    hot = step_committed_at_once(_named("hot", lambda session, run: None))
    hot_too = step_committed_at_once(_named("hot_too", lambda session, run: None))
    telling = _named("telling", lambda session, run: {"to": "somebody"})
    tell = outside_step(ask=lambda request, key: seen.append(_written()), record=lambda session, run, _: None)(telling)
    run_id, calls = _started(Workflow("shared", A, hot, tell, hot_too, B))
    performer = Performer(run_id, 0, worker="w", again=False, note=lambda *_: None)
    assert performer.perform(calls, time.monotonic() + 10) == 5
    assert {name: status for name, (status, _) in seen[0].items()} == {"a": "done", "hot": "done", "telling": "intent"}
    assert len({by for _, by in seen[0].values()}) == 1
    written = _written()
    assert written["telling"] == ("done", written["hot_too"][1])
    assert written["b"][1] != written["telling"][1]


def test_what_may_follow_is_performed_in_the_same_transaction() -> None:
    run_id, calls = _started(Workflow("shared", A, B, C))
    performer = Performer(run_id, 0, worker="w", again=False, note=lambda *_: None)
    asked: list[str] = []

    def behind(workflow: Workflow) -> list[Call]:
        asked.append(workflow.name)
        return calls[1:]

    assert performer.perform(calls[:1], time.monotonic() + 10, behind) == 3
    assert asked == ["shared"]
    assert [len({by for _, by in _written().values()}), performer.stopped] == [1, True]
