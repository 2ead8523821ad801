"""Where a step stands in its workflow, when a run can be turned back, and the canvas that is left of it."""

from typing import Any

import pytest
from celery import chord
from celery.canvas import _chain
from workflows.engine import (
    FRESH,
    Parallel,
    Pivot,
    Place,
    Progress,
    Undoable,
    Workflow,
    canvas,
    counted,
    place_of,
    plan,
    revocable,
)  # fmt: skip

from tests.workflows.steps import (
    AUTHORISE,
    CHECKOUT_STAGES,
    COMPLETE,
    CONFIRM,
    RESERVE,
    SIDE_BY_SIDE,
    TELLING,
    A,
    B,
    C,
    D,
    flat,
    made,
    progress,
    undos,
)  # fmt: skip
from workflows import engine
from workflows.checkout import CHECKOUT

RUN = "run_" + "0" * 32


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, Workflow]:
    """Workflows that a test declares are forgotten after it."""
    known = dict(engine.WORKFLOWS)
    monkeypatch.setattr(engine, "WORKFLOWS", known)
    return known


# ---- places


PLACES = {
    RESERVE: Place(revocable=True),
    AUTHORISE: Place(revocable=True),
    CONFIRM: Place(revocable=True),
    **dict.fromkeys(SIDE_BY_SIDE, Place()),
    COMPLETE: Place(header=tuple(SIDE_BY_SIDE), ends="succeeded"),
    f"undo:{AUTHORISE}": Place(),
    f"undo:{RESERVE}": Place(),
    "orders.cancel": Place(),
    "notifications.order_cancelled": Place(ends="cancelled"),
}


@pytest.mark.parametrize(("name", "place"), PLACES.items(), ids=PLACES)
def test_the_place_of_each_step_of_a_checkout(name: str, place: Place) -> None:
    assert place_of(CHECKOUT, name, FRESH) == place


@pytest.mark.parametrize(
    "so_far",
    [FRESH, progress(done=[RESERVE]), progress(done=[RESERVE, AUTHORISE, CONFIRM, *SIDE_BY_SIDE[:1]])],
)
def test_a_plan_puts_every_step_where_its_place_is(so_far: Progress) -> None:
    for stage in plan(CHECKOUT, so_far):
        for call in stage:
            assert call.place == PLACES[call.name]


def test_without_a_pivot_every_step_can_be_turned_back() -> None:
    workflow = Workflow("no pivot", A, Parallel(B, C), D)
    assert [call.place.revocable for stage in plan(workflow, FRESH) for call in stage] == [True] * 4


# ---- turning back, and counting


@pytest.mark.parametrize(
    ("status", "found", "answer"),
    [
        ("running", {}, True),
        ("waiting", {}, True),
        ("running", {"done": [RESERVE, AUTHORISE]}, True),
        ("running", {"done": [RESERVE, AUTHORISE, CONFIRM]}, False),
        ("waiting", {"done": [RESERVE, AUTHORISE, CONFIRM]}, False),
        ("running", {"done": [RESERVE, AUTHORISE, CONFIRM, *SIDE_BY_SIDE]}, False),
        ("compensating", {}, False),
        ("compensating", {"done": [RESERVE]}, False),
    ],
)
def test_a_run_can_be_turned_back_until_its_pivot_is_done(
    status: str, found: dict[str, list[str]], answer: bool
) -> None:
    assert revocable(CHECKOUT, progress(status, **found)) is answer


def test_a_workflow_without_a_pivot_can_be_turned_back_to_the_end() -> None:
    assert revocable(Workflow("no pivot", A, B), progress(done=["reports.a"]))
    assert not revocable(Workflow("pivot", Pivot(A), B), progress(done=["reports.a"]))


@pytest.mark.parametrize(
    ("so_far", "expected"),
    [
        (FRESH, (0, 7)),
        (progress(done=[RESERVE], intent=[AUTHORISE]), (1, 7)),
        (progress(done=[RESERVE, AUTHORISE, CONFIRM, SIDE_BY_SIDE[1]]), (4, 7)),
        (progress(done=flat(CHECKOUT_STAGES)), (7, 7)),
        (progress("compensating", done=[RESERVE], refused=[AUTHORISE]), (1, 4)),
        (progress("compensating", done=[RESERVE, f"undo:{RESERVE}"], refused=[AUTHORISE]), (2, 4)),
    ],
)
def test_progress_counts_the_way_that_the_run_is_on(so_far: Progress, expected: tuple[int, int]) -> None:
    assert counted(CHECKOUT, so_far) == expected


# ---- canvases


def links(signature: Any) -> list[str]:
    """Names of the steps of a chain or of a single step, in order."""
    tasks = signature.tasks if isinstance(signature, _chain) else [signature]
    return [task.args[2] for task in tasks]


def test_a_fresh_checkout_is_a_chain_up_to_the_chord() -> None:
    made_of = canvas(RUN, 0, plan(CHECKOUT, FRESH))
    assert isinstance(made_of, _chain)
    assert links(made_of) == [RESERVE, AUTHORISE, CONFIRM]


def test_the_parallel_stage_is_a_chord_with_the_next_step_as_its_body() -> None:
    made_of = canvas(RUN, 3, plan(CHECKOUT, progress(done=[RESERVE, AUTHORISE, CONFIRM])))
    assert isinstance(made_of, chord)
    assert [task.args[2] for task in made_of.tasks] == SIDE_BY_SIDE
    assert links(made_of.body) == [COMPLETE]


def test_one_left_of_a_parallel_stage_needs_no_chord() -> None:
    done = [RESERVE, AUTHORISE, CONFIRM, *SIDE_BY_SIDE[:2]]
    assert links(canvas(RUN, 3, plan(CHECKOUT, progress(done=done)))) == [SIDE_BY_SIDE[2], COMPLETE]


def test_a_last_step_is_a_signature() -> None:
    done = flat(CHECKOUT_STAGES[:4])
    made_of = canvas(RUN, 3, plan(CHECKOUT, progress(done=done)))
    assert not isinstance(made_of, _chain | chord)
    assert links(made_of) == [COMPLETE]


def test_a_compensation_is_a_chain() -> None:
    left = plan(CHECKOUT, progress("compensating", done=[RESERVE, AUTHORISE]))
    assert links(canvas(RUN, 1, left)) == flat(undos(AUTHORISE, RESERVE)) + TELLING


@pytest.mark.parametrize("done", range(5))
@pytest.mark.parametrize("generation", [0, 7])
def test_a_message_carries_nothing_but_where_it_belongs(done: int, generation: int) -> None:
    made_of = canvas(RUN, generation, plan(CHECKOUT, progress(done=flat(CHECKOUT_STAGES[:done]))))
    tasks = [*made_of.tasks, made_of.body] if isinstance(made_of, chord) else getattr(made_of, "tasks", [made_of])
    for task in tasks:
        name = task.args[2]
        assert task.immutable
        assert tuple(task.args) == (RUN, generation, name)
        assert task.kwargs == {}
        assert task.options["task_id"] == f"{RUN}:{generation}:{name}"
        assert task.options["queue"] == task.task.split(".")[0]


def test_an_undo_goes_to_the_queue_of_the_step_that_undoes() -> None:
    workflow = Workflow("elsewhere", Undoable(A, undo=made("payments.undo_a_elsewhere")), B)
    signature = canvas(RUN, 1, plan(workflow, progress("compensating", done=["reports.a"])))
    assert (signature.task, signature.options["queue"]) == ("payments.undo_a_elsewhere", "payments")
    assert signature.args[2] == "undo:reports.a"
