"""Child runs: a step starts a run of another workflow and waits for its end without occupying a worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from durable import queries, transitions
from durable.run import Run


@dataclass(frozen=True)
class Child:
    """The current state of a child run. `result`: its output; `error`: why it was compensated."""

    run_id: str
    status: str
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether the child has ended."""
        return self.status in ("succeeded", "cancelled")


def start_child(
    session: Session,
    run: Run,
    workflow: str,
    key: str,
    input: Mapping[str, object],
    deadline: float | None = None,
) -> Child:
    """Starts a child of `run` with this key, once, and returns its current state.

    A step calls it and returns `Suspend()` until the child has `ended`; then the step is performed again and gets the
    same child. The child is an ordinary run: it is not cancelled with its parent. `deadline`: seconds from the child's
    first step. Raises UnknownWorkflow and TypeError like `start`, and TypeError in a step that works without the run's
    lock, because it cannot be suspended.
    """
    if not run.locked:
        raise TypeError("a long step cannot wait for a child: use a short step before it")
    run_id = transitions.start(
        session, workflow, f"{run.id}/{key}", input, owner=None, parent=run.id, deadline=deadline
    )
    record = queries.get_run(session, run_id)
    return Child(record.id, record.status, record.result, record.error)
