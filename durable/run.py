"""What a step sees of its run: its input, what earlier steps have put out, and its signals."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from durable.steps import Step

Input = TypeVar("Input", covariant=True, default=object)
Output = TypeVar("Output")


@dataclass(frozen=True)
class Suspend:
    """What a step returns to wait without a worker: until `until`, a signal, or the end of a child, whichever is first.

    The step is performed again then. A run's deadline holds while it is suspended.
    """

    until: datetime | None = None


@dataclass
class StepState:
    """What the database says of a step. `in_hand`: its lease is not over, or the pause after a failure."""

    status: str
    attempts: int
    output: Any
    in_hand: bool = False
    failed: bool = False
    worker: str | None = None
    request: Any = None
    started_at: str | None = None


@dataclass
class Run(Generic[Input]):
    """A run, as its steps see it. `error` says why it is being compensated, and is empty otherwise."""

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
    published: bool  # whether a message of this generation may be under way
    steps: dict[str, StepState]
    read_at: datetime  # by the database's clock
    read_monotonic: float
    locked: bool = True
    consumed: bool = False  # whether a step has consumed signals
    written: dict[str, dict[str, object]] = field(default_factory=dict)  # step records to be written

    def is_done(self, name: str) -> bool:
        """Whether the step of that name is done."""
        return name in self.steps and self.steps[name].status == "done"

    def output(self, step: "Step[Output]") -> Output | None:
        """What an earlier step has put out, or None if it is not done."""
        state = self.steps.get(step.name)
        return state.output if state is not None and state.status == "done" else None

    def request(self, step: "Step[Any]") -> Any:
        """What a step has asked the outside for that was begun and is not known to be done; else None."""
        state = self.steps.get(step.name)
        return state.request if state is not None else None

    def outputs(self, step: "Step[Output]") -> dict[str, Output]:
        """Item → what a step for each has put out for it, of the items that are done."""
        prefix = f"{step.name}["
        return {
            name.removeprefix(prefix).removesuffix("]"): state.output
            for name, state in self.steps.items()
            if name.startswith(prefix) and state.status == "done"
        }

    def consume(self, signal: str) -> list[dict[str, Any]]:
        """The signals of that name that have come, oldest first. They are consumed with the step's transaction.

        Raises TypeError in a step that works without the run's lock.
        """
        if not self.locked:
            raise TypeError("a long step can't consume signals: put a short step before it")
        found: list[dict[str, Any]] = self.signals.pop(signal, [])
        self.consumed = self.consumed or bool(found)
        return found

    def now(self) -> datetime:
        """The time by the database's clock, which all workers share."""
        return self.read_at + timedelta(seconds=time.monotonic() - self.read_monotonic)

    def idempotency_key(self, step: "Step") -> str:
        """The key under which a step of this run calls outside. No attempt in it: each asks for the same thing."""
        return idempotency_key(self.id, step.name)


def idempotency_key(run_id: str, name: str) -> str:
    return f"{run_id}:{name}"
