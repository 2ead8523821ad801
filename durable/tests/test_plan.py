"""The plan of a run, and when it can be compensated: pure functions, without a database or a broker."""

from itertools import combinations
from typing import Any

import pytest

from durable import Each, Parallel, Pivot, Service, Undoable, Workflow
from durable.plan import FRESH, Progress, can_turn_back, count_steps, plan
from durable.tests.driving import flat, names, progress
from durable.tests.workflows import TRANSFER, external, local

WITHDRAW, CLEAR, DEPOSIT, CLOSE = "bank.withdraw", "clearing.clear", "bank.deposit", "bank.close"
BESIDE = ["bank.statement", "mail.confirm"]  # local steps first
STAGES = [[WITHDRAW], [CLEAR], [DEPOSIT], BESIDE, [CLOSE]]
BACK = [["undo:bank.withdraw"], ["bank.reject"], ["undo:clearing.clear", "mail.regret"]]

A, B, C, UNDO_A, UNDO_B, NOTIFY = (local(f"odd.{name}") for name in ("a", "b", "c", "undo_a", "undo_b", "notify"))
CALL, UNDO_CALL, NOTIFY_OUTSIDE = external("odd.call_it"), external("odd.undo_call"), external("odd.notify_outside")


def work(session: Any, run: Any, item: str) -> None: ...


EACH = Service("odd").step_for_each(work)


# ---- forwards


def test_the_plan_of_a_new_run_is_its_whole_workflow() -> None:
    assert sorted(flat(names(plan(TRANSFER, FRESH)))) == sorted(flat(STAGES))
    assert names(plan(TRANSFER, FRESH)) == STAGES
    assert all(call.step.name == call.name for stage in plan(TRANSFER, FRESH) for call in stage)


@pytest.mark.parametrize("done", range(6))
def test_completed_steps_are_not_planned_again(done: int) -> None:
    assert names(plan(TRANSFER, progress(done=flat(STAGES[:done])))) == STAGES[done:]


@pytest.mark.parametrize("done", [set(some) for n in range(2) for some in combinations(BESIDE, n)], ids=sorted)
def test_a_parallel_stage_plans_only_its_remaining_members(done: set[str]) -> None:
    left = [name for name in BESIDE if name not in done]
    assert names(plan(TRANSFER, progress(done=[WITHDRAW, CLEAR, DEPOSIT, *done]))) == [left, [CLOSE]]


def test_local_members_precede_external_ones_and_new_precede_begun() -> None:
    workflow = Workflow("mixed", Parallel(CALL, A, NOTIFY_OUTSIDE, B), C)
    assert names(plan(workflow, FRESH))[0] == ["odd.a", "odd.b", "odd.call_it", "odd.notify_outside"]
    begun = progress(intent=["odd.a", "odd.call_it"])
    assert names(plan(workflow, begun))[0] == ["odd.b", "odd.a", "odd.notify_outside", "odd.call_it"]


@pytest.mark.parametrize("state", ["intent", "refused"])
def test_a_begun_or_refused_step_stays_planned(state: str) -> None:
    assert names(plan(TRANSFER, progress(done=[WITHDRAW], **{state: [CLEAR]})))[0] == [CLEAR]


def test_the_plan_of_a_suspended_run_is_that_of_a_running_one() -> None:
    assert plan(TRANSFER, progress("waiting", done=[WITHDRAW])) == plan(TRANSFER, progress(done=[WITHDRAW]))


# ---- backwards


@pytest.mark.parametrize(
    ("found", "undone"),
    [
        ({}, []),
        ({"refused": [WITHDRAW]}, []),
        ({"intent": [WITHDRAW]}, []),  # a failed local step, whose transaction was rolled back
        ({"done": [WITHDRAW]}, ["undo:bank.withdraw"]),
        ({"done": [WITHDRAW], "refused": [CLEAR]}, ["undo:bank.withdraw"]),
        ({"done": [WITHDRAW], "intent": [CLEAR]}, ["undo:bank.withdraw", "undo:clearing.clear"]),
        ({"done": [WITHDRAW, CLEAR]}, ["undo:bank.withdraw", "undo:clearing.clear"]),
    ],
)
def test_completed_steps_and_calls_with_an_unknown_outcome_are_undone(
    found: dict[str, list[str]], undone: list[str]
) -> None:
    left = flat(names(plan(TRANSFER, progress("compensating", **found))))
    assert [name for name in left if name.startswith("undo:")] == undone
    assert [name for name in left if not name.startswith("undo:")] == ["bank.reject", "mail.regret"]


def test_local_undos_precede_external_ones() -> None:
    assert names(plan(TRANSFER, progress("compensating", done=[WITHDRAW, CLEAR]))) == BACK


def test_undos_run_in_reverse_order() -> None:
    workflow = Workflow("two", Undoable(A, undo=UNDO_A), Undoable(B, undo=UNDO_B), C, if_refused=[NOTIFY])
    left = plan(workflow, progress("compensating", done=["odd.a", "odd.b"]))
    assert [(call.name, call.step) for stage in left for call in stage] == [
        ("undo:odd.b", UNDO_B), ("undo:odd.a", UNDO_A), ("odd.notify", NOTIFY),
    ]  # fmt: skip


@pytest.mark.parametrize("done", range(4))
def test_a_compensation_continues_at_its_next_step(done: int) -> None:
    so_far = progress("compensating", done=[WITHDRAW, CLEAR, *flat(BACK[:done])])
    assert names(plan(TRANSFER, so_far)) == BACK[done:]


def test_a_begun_undo_is_planned_again() -> None:
    begun = progress("compensating", done=[WITHDRAW], intent=["undo:bank.withdraw"])
    assert names(plan(TRANSFER, begun))[0] == ["undo:bank.withdraw"]


def test_the_compensation_of_a_workflow_without_undos_is_empty() -> None:
    assert plan(Workflow("one", A), progress("compensating", done=["odd.a"])) == []


# ---- compensation allowed or not


@pytest.mark.parametrize(
    ("status", "found", "answer"),
    [
        ("running", {}, True),
        ("waiting", {"done": [WITHDRAW, CLEAR]}, True),
        ("running", {"done": [WITHDRAW, CLEAR], "intent": [DEPOSIT]}, True),  # a failed local step
        ("running", {"done": [WITHDRAW, CLEAR, DEPOSIT]}, False),
        ("waiting", {"done": [WITHDRAW, CLEAR, DEPOSIT]}, False),
        ("running", {"done": [WITHDRAW, DEPOSIT]}, False),  # a new release has added a step before the pivot
        ("compensating", {}, False),
        ("compensating", {"done": [WITHDRAW]}, False),
    ],
)
def test_a_run_can_be_compensated_until_its_pivot_is_done(status: str, found: Any, answer: bool) -> None:
    assert can_turn_back(TRANSFER, progress(status, **found)) is answer


def test_an_external_pivot_counts_once_begun_unless_it_is_refused() -> None:
    workflow = Workflow("outside", A, Pivot(CALL), B, if_refused=[NOTIFY])
    begun = progress(done=["odd.a"], intent=["odd.call_it"])
    assert not can_turn_back(workflow, begun)
    assert can_turn_back(workflow, begun, refused="odd.call_it")
    assert not can_turn_back(workflow, begun, refused="odd.b")


def test_a_run_without_a_pivot_can_be_compensated_until_its_end() -> None:
    assert can_turn_back(Workflow("no pivot", A, B), progress(done=["odd.a", "odd.b"]))


@pytest.mark.parametrize(
    ("so_far", "expected"),
    [
        (FRESH, (0, 6)),
        (progress(done=[WITHDRAW], intent=[CLEAR]), (1, 6)),
        (progress(done=[WITHDRAW, CLEAR, DEPOSIT, BESIDE[1]]), (4, 6)),
        (progress(done=flat(STAGES)), (6, 6)),
        (progress("compensating", done=[WITHDRAW], refused=[CLEAR]), (1, 4)),
        (progress("compensating", done=[WITHDRAW, "undo:bank.withdraw"], refused=[CLEAR]), (2, 4)),
    ],
)
def test_progress_counts_the_steps_of_the_current_direction(so_far: Progress, expected: tuple[int, int]) -> None:
    assert count_steps(TRANSFER, so_far) == expected


# ---- Each


@pytest.fixture
def many() -> Workflow:
    return Workflow("many", A, Each(EACH, lambda outputs: (outputs["odd.a"] or {})["items"]), C)


def found(*items: str, done: Any = ()) -> Progress:
    return progress(done=["odd.a", *done], outputs={"odd.a": {"items": list(items)}})


def test_items_are_not_planned_before_their_source_step_is_done(many: Workflow) -> None:
    assert names(plan(many, FRESH)) == [["odd.a"]]
    assert names(plan(many, progress(intent=["odd.a"]))) == [["odd.a"]]


@pytest.mark.parametrize("items", [["x"], ["x", "y"], ["z", "x", "y"]])
def test_each_item_has_its_own_step(many: Workflow, items: list[str]) -> None:
    left = plan(many, found(*items))
    assert names(left) == [[f"odd.work[{item}]" for item in items], ["odd.c"]]
    assert {call.step for call in left[0]} == {EACH}


def test_an_empty_each_is_skipped(many: Workflow) -> None:
    assert names(plan(many, found())) == [["odd.c"]]


def test_completed_items_are_not_planned_again(many: Workflow) -> None:
    assert names(plan(many, found("x", "y", "z", done=["odd.work[y]"]))) == [
        ["odd.work[x]", "odd.work[z]"], ["odd.c"],
    ]  # fmt: skip
    assert names(plan(many, found("x", "y", done=["odd.work[x]", "odd.work[y]"]))) == [["odd.c"]]


def test_items_may_be_known_from_the_start() -> None:
    workflow = Workflow("from the start", Each(EACH, lambda outputs: ["x", "y"]), C)
    assert names(plan(workflow, FRESH)) == [["odd.work[x]", "odd.work[y]"], ["odd.c"]]
