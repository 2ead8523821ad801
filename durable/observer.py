"""What the engine tells the application of its work, after it is committed. Measurements hang on it, never the work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable.plan import Call
    from durable.run import Run
    from durable.schedule import Slot


class Observer:
    """Ignores everything. The methods must be quick and must not raise."""

    def message_taken(self, queue: str, waited: float) -> None:
        """A worker has taken a message that has waited for so many seconds."""

    def step_ended(self, run: "Run", call: "Call", outcome: str, since: float) -> None:
        """An attempt has ended: `done`, `refused`, `failed`, `unavailable`, `suspended` or `lost`, with its worker.

        `since`: its start in epoch seconds.
        """

    @contextmanager
    def calling(self, run: "Run", call: "Call", attempt: int) -> Iterator[None]:
        """Surrounds a call to an external service."""
        yield

    def run_ended(self, run: "Run", status: str) -> None:
        """A worker has ended the run."""

    def slot_trace(self) -> str | None:
        """The trace context in which the run of a slot is about to be started; None: it is not traced."""
        return None

    def slot_started(self, slot: "Slot", missed: bool) -> None:
        """The run of a slot has been started: by beat, or by a dispatcher because beat has missed it."""
