"""The declarations of the shop's workflows. durable/tests tests the engine."""

import inspect

import pytest
from celery.canvas import _chain

import workflows  # noqa: F401  so that they are declared
from durable import Workflow
from durable.plan import FRESH, Progress, can_turn_back, count_steps, plan
from durable.publishing import canvas
from durable.workflow import all_workflows, workflow_of
from models.core.events import EVENT_TYPES, DomainEvent
from settings import QUEUES
from workflows.checkout import CHECKOUT

RESERVE, AUTHORISE, AWAIT = "inventory.reserve", "payments.authorise", "payments.await_customer"
CONFIRM = "orders.confirm"
BESIDE = ["inventory.allocate", "carts.remove_ordered", "notifications.order_confirmed"]
STAGES = [[RESERVE], [AUTHORISE], [AWAIT], [CONFIRM], BESIDE, ["orders.complete"]]


def names(workflow: Workflow, progress: Progress) -> list[list[str]]:
    return [[call.name for call in stage] for stage in plan(workflow, progress)]


def after(status: str, *done: str) -> Progress:
    return Progress(status, dict.fromkeys(done, "done"), dict.fromkeys(done))


@pytest.mark.parametrize("workflow", all_workflows(), ids=lambda workflow: workflow.name)
def test_every_step_has_a_queue_and_a_unique_name(workflow: Workflow) -> None:
    steps = workflow.all_steps()
    assert {step.queue for step in steps} <= set(QUEUES)
    forward = [step.name for step in steps if step not in {undo.undo for undo in workflow.undos}]
    assert len(set(forward)) == len(forward)


@pytest.mark.parametrize("event", EVENT_TYPES.values(), ids=lambda event: event.name)
def test_an_event_has_the_input_of_the_workflows_that_it_starts(event: type[DomainEvent]) -> None:
    members = set(inspect.signature(event).parameters)
    assert all(workflow_of(name).required <= members - {"subject"} for name in event.starts)
    assert event.about in members


def test_the_plan_of_a_checkout_is_its_declaration() -> None:
    assert names(CHECKOUT, FRESH) == STAGES


@pytest.mark.parametrize("done", [[], [RESERVE], [RESERVE, AUTHORISE]])
def test_a_cancelled_checkout_runs_local_undos_before_external_ones(done: list[str]) -> None:
    local = [["undo:inventory.reserve"]] if RESERVE in done else []
    outside = ["undo:payments.authorise"] if AUTHORISE in done else []
    expected = [*local, ["orders.cancel"], [*outside, "notifications.order_cancelled"]]
    assert names(CHECKOUT, after("compensating", *done)) == expected


def test_a_checkout_can_be_compensated_until_the_order_is_confirmed() -> None:
    assert can_turn_back(CHECKOUT, after("running", RESERVE, AUTHORISE))
    assert not can_turn_back(CHECKOUT, after("running", RESERVE, AUTHORISE, AWAIT, CONFIRM))


def test_progress_counts_the_current_direction_of_a_checkout() -> None:
    assert count_steps(CHECKOUT, FRESH) == (0, 8)
    assert count_steps(CHECKOUT, after("running", RESERVE)) == (1, 8)
    assert count_steps(CHECKOUT, after("compensating", RESERVE)) == (1, 4)


def test_a_new_checkout_is_published_as_a_chain_up_to_the_chord() -> None:
    made = canvas("run_" + "0" * 32, 0, plan(CHECKOUT, FRESH))
    assert isinstance(made, _chain)
    assert [task.args[2] for task in made.tasks] == [RESERVE, AUTHORISE, AWAIT, CONFIRM]
    assert [task.options["queue"] for task in made.tasks] == ["inventory", "payments", "payments", "orders"]
