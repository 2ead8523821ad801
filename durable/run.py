"""The run as a step sees it: input, outputs of earlier steps, and signals."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from durable.steps import Step

DROP = "drop"
"""The signal by which an operator drops items of an `Each`. It is never consumed."""

Input = TypeVar("Input", covariant=True, default=object)
Output = TypeVar("Output")


@dataclass(frozen=True)
class Suspend:
    """Returned by a step to wait without a worker: until `until`, a signal, or the end of a child, whichever is first.

    The step is then performed again. The deadline of a run applies while it is suspended.
    """

    until: datetime | None = None


@dataclass
class StepState:
    """The stored state of a step. `held`: its lease, or the delay after a failure, has not expired."""

    status: str
    attempts: int
    output: Any
    held: bool = False
    failed: bool = False
    worker: str | None = None
    request: Any = None
    started_at: str | None = None


@dataclass
class Run(Generic[Input]):
    """A run, as its steps see it. `error`: why it is being compensated; otherwise empty."""

    id: str
    workflow: str
    version: int
    key: str
    status: str
    input: Input
    error: dict[str, Any]
    signals: dict[str, Any]
    generation: int
    attempts: int
    publications: int
    parent: str | None
    published: bool  # whether there may be a message of this generation
    request_id: str | None  # the request that has started it
    trace: str | None  # see traces.py
    replays: int
    age: float  # seconds since its start, when it was read
    steps: dict[str, StepState]
    read_at: datetime  # by the database's clock
    read_monotonic: float
    locked: bool = True
    consumed: bool = False  # whether a step has consumed signals
    written: dict[str, dict[str, object]] = field(default_factory=dict)  # step records to be written

    def is_done(self, name: str) -> bool:
        """Whether the step with this name is done."""
        return name in self.steps and self.steps[name].status == "done"

    def output(self, step: "Step[Output]") -> Output | None:
        """The output of an earlier step; None if it is not done."""
        state = self.steps.get(step.name)
        return state.output if state is not None and state.status == "done" else None

    def request(self, step: "Step") -> Any:
        """The request of an external step that has started and whose result is unknown; otherwise None."""
        state = self.steps.get(step.name)
        return state.request if state is not None else None

    def outputs(self, step: "Step[Output]") -> dict[str, Output]:
        """Item → output of a `step_for_each`, for completed items."""
        prefix = f"{step.name}["
        return {
            name.removeprefix(prefix).removesuffix("]"): state.output
            for name, state in self.steps.items()
            if name.startswith(prefix) and state.status == "done"
        }

    def consume(self, signal: str) -> list[dict[str, Any]]:
        """The signals with this name, oldest first. They are consumed when the step's transaction commits.

        Raises TypeError in a step that works without the run's lock.
        """
        if not self.locked:
            raise TypeError("a long step cannot consume signals: use a short step before it")
        found: list[dict[str, Any]] = self.signals.pop(signal, [])
        self.consumed = self.consumed or bool(found)
        return found

    def is_dropped(self, step: "Step", item: str) -> bool:
        """Whether an operator has dropped this item of a `step_for_each(droppable=True)`."""
        return {"step": f"{step.name}[{item}]"} in self.signals.get(DROP, [])

    def now(self) -> datetime:
        """The current time of the database's clock."""
        return self.read_at + timedelta(seconds=time.monotonic() - self.read_monotonic)

    def lasted(self) -> float:
        """Seconds since its start."""
        return self.age + time.monotonic() - self.read_monotonic

    def idempotency_key(self, step: "Step") -> str:
        """The idempotency key of an external step. The same for all attempts, which send the same request."""
        return idempotency_key(self.id, step.name)


def idempotency_key(run_id: str, name: str) -> str:
    return f"{run_id}:{name}"
