"""Steps that do nothing, and runs that have got so far, for tests of the engine's rules."""

from typing import Any

from tasks.step import Step, step
from workflows.engine import Call, Outputs, Progress

RESERVE, AUTHORISE, CONFIRM = "inventory.reserve", "payments.authorise", "orders.confirm"
SIDE_BY_SIDE = ["notifications.order_confirmed", "inventory.allocate", "carts.clear"]
COMPLETE = "orders.complete"
TELLING = ["orders.cancel", "notifications.order_cancelled"]
CHECKOUT_STAGES = [[RESERVE], [AUTHORISE], [CONFIRM], SIDE_BY_SIDE, [COMPLETE]]


def made(name: str) -> Step:
    """A step `queue.function` that does nothing."""
    service, function = name.split(".")

    def work(session: Any, run: Any) -> None: ...

    work.__module__, work.__name__ = f"tasks.{service}", function
    return step(work)


A, B, C, D, E, UNDO_A, UNDO_B = (made(f"reports.{name}") for name in ("a", "b", "c", "d", "e", "undo_a", "undo_b"))


def progress(status: str = "running", /, **groups: Any) -> Progress:
    """`progress(done=["a.b"], intent=[…], refused=[…], outputs={"a.b": {…}})`."""
    steps = {name: state for state in ("done", "intent", "refused") for name in groups.get(state, ())}
    outputs = dict.fromkeys(groups.get("done", ()))
    return Progress(status, steps, outputs | groups.get("outputs", {}))


def names(stages: list[list[Call]]) -> list[list[str]]:
    return [[call.name for call in stage] for stage in stages]


def flat(stages: list[list[str]]) -> list[str]:
    return [name for stage in stages for name in stage]


def undos(*undone: str) -> list[list[str]]:
    return [[f"undo:{name}"] for name in undone]


def items(outputs: Outputs) -> list[str]:
    """What the step A has found."""
    return (outputs["reports.a"] or {})["items"]
