"""Child runs: a step starts another workflow and waits for its end without a worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from durable import queries, transitions
from durable.run import Run


@dataclass(frozen=True)
class Child:
    """A child run as it is now. `result` is its last step's output; `error` says why it was compensated."""

    run_id: str
    status: str
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ("succeeded", "cancelled")


def start_child(
    session: Session,
    run: Run,
    workflow: str,
    key: str,
    input: Mapping[str, object],
    deadline: float | None = None,
) -> Child:
    """Starts a child of `run` under that key, once, and says how it is doing.

    A step calls it and returns `Suspend()` while the child has not `ended`; it is performed again when it has, and
    gets the same child. The child is a run of its own: it is not cancelled with its parent. `deadline`: seconds from
    the child's first step. Raises UnknownWorkflow, TypeError as `start` does, and TypeError in a step that works
    without the run's lock, which can't be suspended.
    """
    if not run.locked:
        raise TypeError("a long step can't wait for a child: put a short step before it")
    run_id = transitions.start(
        session, workflow, f"{run.id}/{key}", input, owner=None, parent=run.id, deadline=deadline
    )
    record = queries.get_run(session, run_id)
    return Child(record.id, record.status, record.result, record.error)
