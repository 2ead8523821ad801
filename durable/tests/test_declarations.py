"""Valid and invalid declarations of workflows."""

from typing import Any, TypedDict

import pytest

from durable import Each, Parallel, Pivot, Service, Undoable, UnknownWorkflow, Workflow, start
from durable.database import transaction
from durable.tests.driving import start_unpublished
from durable.tests.workflows import local
from durable.workflow import all_workflows, workflow_of

A, B, C, D, E, UNDO = (local(f"odd.{name}") for name in ("a", "b", "c", "d", "e", "undo"))
NOTIFY = local("odd.notify")


def work(session: Any, run: Any, item: str) -> None: ...


EACH = Service("odd").step_for_each(work)


def items(outputs: Any) -> list[str]:
    found: list[str] = outputs["odd.a"]["items"]
    return found


def test_a_declared_workflow_is_found_by_name() -> None:
    assert Workflow("short", A) is workflow_of("short")


@pytest.mark.parametrize(
    "stages",
    [(), (Parallel(A, B),), (A, Parallel(B, C)), (A, Each(EACH, items))],
    ids=["nothing", "parallel", "parallel at the end", "each at the end"],
)
def test_a_workflow_ends_with_a_single_step(stages: Any) -> None:
    with pytest.raises(TypeError, match="the last stage must be a single step"):
        Workflow("wrong", *stages)


@pytest.mark.parametrize("first", [Parallel(A, B), Each(EACH, items)])
@pytest.mark.parametrize("second", [Parallel(C, D), Each(EACH, items)])
def test_two_parallel_stages_require_a_step_between_them(first: Any, second: Any) -> None:
    with pytest.raises(TypeError, match="need a step between them"):
        Workflow("wrong", first, second, E)


def test_a_workflow_contains_a_step_only_once() -> None:
    with pytest.raises(TypeError, match="only once"):
        Workflow("wrong", A, Parallel(B, A), C)
    with pytest.raises(TypeError, match="only once"):
        Workflow("wrong", A, B, if_refused=[A])


@pytest.mark.parametrize("stages", [(Undoable(A, undo=UNDO), B), (Pivot(A), B)], ids=["an undo", "a pivot"])
def test_a_workflow_with_a_compensation_requires_if_refused(stages: Any) -> None:
    with pytest.raises(TypeError, match=r"needs steps in .if_refused."):
        Workflow("wrong", *stages)
    Workflow("right", *stages, if_refused=[NOTIFY])


def test_a_workflow_with_an_undo_cannot_be_cancelled_past_its_pivot() -> None:
    with pytest.raises(TypeError, match="cannot be cancelled past its pivot"):
        Workflow("wrong", Undoable(A, undo=UNDO), Pivot(B), C, if_refused=[NOTIFY], cancel_past_pivot=True)


def test_only_each_accepts_a_step_for_each() -> None:
    for stages in ((A, EACH), (A, Each(B, items), C), (Parallel(A, EACH), B)):
        with pytest.raises(TypeError, match="step_for_each"):
            Workflow("wrong", *stages)


def test_steps_of_a_compensation_cannot_be_long() -> None:
    long = local("odd.takes_long", long=True)
    with pytest.raises(TypeError, match="cannot be long"):
        Workflow("wrong", Undoable(A, undo=long), B, if_refused=[NOTIFY])
    with pytest.raises(TypeError, match="cannot be long"):
        Workflow("wrong", A, if_refused=[long])


def test_an_invalid_workflow_is_not_declared() -> None:
    before = set(all_workflows())
    with pytest.raises(TypeError):
        Workflow("wrong", Parallel(A, B))
    assert set(all_workflows()) == before
    with pytest.raises(UnknownWorkflow):
        workflow_of("wrong")


def test_a_run_of_an_unknown_workflow_cannot_be_started() -> None:
    with pytest.raises(UnknownWorkflow, match="no workflow named 'never declared'"), transaction() as session:
        start(session, "never declared", "it", {})


def test_a_run_requires_the_declared_input() -> None:
    class Input(TypedDict):
        amount: int
        currency: str

    Workflow("needy", A, input=Input)
    with pytest.raises(TypeError, match="the input of needy lacks currency"):
        start_unpublished("needy", {"amount": 1})
    assert start_unpublished("needy", {"amount": 1, "currency": "GBP"})


def test_a_second_start_with_the_same_key_returns_the_first_run() -> None:
    Workflow("short", A)
    assert start_unpublished("short") == start_unpublished("short", {"other": True})
    assert start_unpublished("short") != start_unpublished("short", key="another")
