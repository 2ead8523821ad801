"""What is left of a run: pure rules, without a database or a broker."""

from itertools import combinations
from typing import Any

import pytest
from workflows.engine import FRESH, Call, Each, Parallel, Place, Progress, Undoable, Workflow, plan

from models import events
from settings import QUEUES
from tests.workflows.steps import (
    AUTHORISE,
    CHECKOUT_STAGES,
    COMPLETE,
    CONFIRM,
    RESERVE,
    SIDE_BY_SIDE,
    TELLING,
    UNDO_A,
    UNDO_B,
    A,
    B,
    C,
    D,
    E,
    flat,
    items,
    names,
    progress,
    undos,
)  # fmt: skip
from workflows import engine
from workflows.checkout import CHECKOUT


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, Workflow]:
    """Workflows that a test declares are forgotten after it."""
    known = dict(engine.WORKFLOWS)
    monkeypatch.setattr(engine, "WORKFLOWS", known)
    return known


# ---- declarations


def test_a_declared_workflow_is_known_by_its_name(declared: dict[str, Workflow]) -> None:
    assert Workflow("short", A) is declared["short"]


@pytest.mark.parametrize(
    "stages",
    [(), (Parallel(A, B),), (A, Parallel(B, C)), (A, Each(B, items))],
    ids=["nothing", "parallel", "parallel at the end", "each at the end"],
)
def test_a_workflow_ends_with_a_single_step(stages: tuple[engine.Stage, ...]) -> None:
    with pytest.raises(TypeError, match="the last stage must be a single step"):
        Workflow("wrong", *stages)


@pytest.mark.parametrize("first", [Parallel(A, B), Each(A, items)])
@pytest.mark.parametrize("second", [Parallel(C, D), Each(C, items)])
def test_two_parallel_stages_need_a_join_between_them(first: engine.Stage, second: engine.Stage) -> None:
    with pytest.raises(TypeError, match="there must be a step that joins the first"):
        Workflow("wrong", first, second, E)
    Workflow("right", first, UNDO_A, second, E)


def test_a_step_stands_in_a_workflow_once() -> None:
    with pytest.raises(TypeError, match="only once"):
        Workflow("wrong", A, Parallel(B, A), C)


def test_a_workflow_that_is_refused_is_not_declared(declared: dict[str, Workflow]) -> None:
    before = set(declared)
    with pytest.raises(TypeError):
        Workflow("wrong", Parallel(A, B))
    assert set(declared) == before


@pytest.mark.parametrize("workflow", engine.WORKFLOWS.values(), ids=lambda workflow: workflow.name)
def test_every_step_of_the_shop_has_a_queue_and_a_name_of_its_own(workflow: Workflow) -> None:
    stages = [*plan(workflow, FRESH), *plan(workflow, progress("compensating"))]
    calls = [call for stage in stages for call in stage]
    assert {call.step.service for call in calls} <= set(QUEUES)
    assert len({call.name for call in calls}) == len(calls)


def test_every_reaction_to_an_event_is_a_workflow() -> None:
    reactions = {workflow for workflows in events.REACTIONS.values() for workflow in workflows}
    assert reactions <= set(engine.WORKFLOWS)


# ---- forwards


def test_a_fresh_checkout_is_what_its_file_lists() -> None:
    assert names(plan(CHECKOUT, FRESH)) == CHECKOUT_STAGES


@pytest.mark.parametrize("done", range(5))
def test_what_is_done_is_not_planned_again(done: int) -> None:
    finished = flat(CHECKOUT_STAGES[:done])
    assert names(plan(CHECKOUT, progress(done=finished))) == CHECKOUT_STAGES[done:]


def test_nothing_is_left_of_what_is_all_done() -> None:
    assert plan(CHECKOUT, progress(done=flat(CHECKOUT_STAGES))) == []


def test_of_a_parallel_stage_what_was_begun_before_comes_last() -> None:
    so_far = progress(done=[RESERVE, AUTHORISE, CONFIRM], intent=SIDE_BY_SIDE[:1])
    assert names(plan(CHECKOUT, so_far)) == [[*SIDE_BY_SIDE[1:], SIDE_BY_SIDE[0]], [COMPLETE]]


@pytest.mark.parametrize("done", [set(some) for n in range(4) for some in combinations(SIDE_BY_SIDE, n)], ids=sorted)
def test_of_a_parallel_stage_only_what_is_not_done_is_left(done: set[str]) -> None:
    left = [name for name in SIDE_BY_SIDE if name not in done]
    expected = [stage for stage in (left, [COMPLETE]) if stage]
    assert names(plan(CHECKOUT, progress(done=[RESERVE, AUTHORISE, CONFIRM, *done]))) == expected


@pytest.mark.parametrize("state", ["intent", "refused"])
def test_only_done_is_done(state: str) -> None:
    begun = progress(done=[RESERVE], **{state: [AUTHORISE]})
    assert names(plan(CHECKOUT, begun))[0] == [AUTHORISE]


def test_a_run_that_waits_has_the_same_left_as_one_that_runs() -> None:
    assert plan(CHECKOUT, progress("waiting", done=[RESERVE])) == plan(CHECKOUT, progress(done=[RESERVE]))


def test_a_plan_names_the_steps_to_perform() -> None:
    for stage in plan(CHECKOUT, FRESH):
        for call in stage:
            assert call.step.name == call.name


# ---- backwards


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, []),
        ({"refused": [RESERVE]}, []),
        ({"intent": [RESERVE]}, []),  # a local step that failed: its work went back with its transaction
        ({"done": [RESERVE]}, [RESERVE]),
        ({"done": [RESERVE], "refused": [AUTHORISE]}, [RESERVE]),
        ({"done": [RESERVE], "intent": [AUTHORISE]}, [AUTHORISE, RESERVE]),
        ({"done": [RESERVE, AUTHORISE]}, [AUTHORISE, RESERVE]),
        ({"done": [RESERVE, AUTHORISE], "refused": [CONFIRM]}, [AUTHORISE, RESERVE]),
        ({"done": [RESERVE, AUTHORISE], "intent": [CONFIRM]}, [AUTHORISE, RESERVE]),
    ],
)
def test_what_was_done_or_may_have_been_is_undone_in_reverse(found: dict[str, list[str]], expected: list[str]) -> None:
    left = plan(CHECKOUT, progress("compensating", **found))
    assert names(left) == undos(*expected) + [[name] for name in TELLING]


@pytest.mark.parametrize("done", range(5))
def test_a_compensation_goes_on_where_it_stood(done: int) -> None:
    way_back = flat(undos(AUTHORISE, RESERVE)) + TELLING
    so_far = progress("compensating", done=[RESERVE, AUTHORISE, *way_back[:done]])
    assert names(plan(CHECKOUT, so_far)) == [[name] for name in way_back[done:]]


def test_an_undo_that_was_begun_is_done_again() -> None:
    begun = progress("compensating", done=[RESERVE, AUTHORISE], intent=[f"undo:{AUTHORISE}"])
    assert names(plan(CHECKOUT, begun))[0] == [f"undo:{AUTHORISE}"]


def test_the_undo_of_a_step_is_the_one_declared_with_it() -> None:
    workflow = Workflow("two", Undoable(A, undo=UNDO_A), Undoable(B, undo=UNDO_B), C)
    left = plan(workflow, progress("compensating", done=["reports.a", "reports.b"]))
    assert [(call.name, call.step) for stage in left for call in stage] == [
        ("undo:reports.b", UNDO_B),
        ("undo:reports.a", UNDO_A),
    ]


def test_a_run_with_nothing_to_undo_and_nobody_to_tell_has_nothing_left() -> None:
    assert plan(Workflow("one", A), progress("compensating", done=["reports.a"])) == []


@pytest.mark.parametrize("found", [{}, {"done": [RESERVE]}, {"done": [RESERVE, AUTHORISE]}])
def test_the_last_step_back_ends_the_run_and_no_other_does(found: dict[str, list[str]]) -> None:
    ends = [call.place.ends for stage in plan(CHECKOUT, progress("compensating", **found)) for call in stage]
    assert ends == [None] * (len(ends) - 1) + ["cancelled"]


def test_without_anybody_to_tell_the_last_undo_ends_the_run() -> None:
    workflow = Workflow("two", Undoable(A, undo=UNDO_A), Undoable(B, undo=UNDO_B), C)
    for begun in (["reports.a"], ["reports.a", "reports.b"]):
        left = plan(workflow, progress("compensating", done=begun))
        assert left[-1] == [Call(UNDO_A, "undo:reports.a", Place(ends="cancelled"))]


# ---- one step many times over


@pytest.fixture
def many() -> Workflow:
    return Workflow("many", A, Each(B, items), C)


def found(*them: str, **groups: Any) -> Progress:
    groups["done"] = ["reports.a", *groups.get("done", ())]
    return progress(outputs={"reports.a": {"items": list(them)}}, **groups)


def test_items_are_not_known_before_they_are_found(many: Workflow) -> None:
    assert names(plan(many, FRESH)) == [["reports.a"]]
    assert names(plan(many, progress(intent=["reports.a"]))) == [["reports.a"]]


@pytest.mark.parametrize("them", [["x"], ["x", "y"], ["z", "x", "y"]])
def test_each_item_has_a_step_of_its_own(many: Workflow, them: list[str]) -> None:
    left = plan(many, found(*them))
    assert names(left) == [[f"reports.b[{item}]" for item in them], ["reports.c"]]
    assert {call.step for call in left[0]} == {B}


def test_without_items_the_run_goes_on_behind_them(many: Workflow) -> None:
    assert names(plan(many, found())) == [["reports.c"]]
    assert plan(many, found())[0][0].place == Place(ends="succeeded", revocable=True)


def test_items_that_are_done_are_not_done_again(many: Workflow) -> None:
    assert names(plan(many, found("x", "y", "z", done=["reports.b[y]"]))) == [
        ["reports.b[x]", "reports.b[z]"], ["reports.c"],
    ]  # fmt: skip
    assert names(plan(many, found("x", "y", done=["reports.b[x]", "reports.b[y]"]))) == [["reports.c"]]


def test_the_step_behind_joins_all_items_whatever_is_left_of_them(many: Workflow) -> None:
    for done in ([], ["reports.b[x]"], ["reports.b[x]", "reports.b[y]"]):
        assert plan(many, found("x", "y", done=done))[-1][0].place.header == ("reports.b[x]", "reports.b[y]")


def test_items_may_be_there_from_the_start() -> None:
    workflow = Workflow("from the start", Each(B, lambda outputs: ["x", "y"]), C)
    assert names(plan(workflow, FRESH)) == [["reports.b[x]", "reports.b[y]"], ["reports.c"]]
