"""Steps whose start is committed: external and long steps, and steps that may kill their worker."""

import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from durable import attempts, config, store
from durable.lease import Lease
from durable.plan import Call
from durable.run import Run
from durable.workflow import workflow_of


@dataclass
class Begun:
    """A started attempt of a step. It belongs to this process while its lease is renewed."""

    call: Call
    lease: Lease
    started_at: datetime  # by the database's clock
    since: float  # epoch seconds
    request: object = None
    answered: bool = False
    answer: object = None

    @property
    def attempt(self) -> int:
        return self.lease.attempt


def begin(session: Session, run: Run, call: Call, request: object = None) -> Begun | None:
    """Records the start of a step, in the transaction of a locked run.

    A previous attempt without an error has died with its worker, which counts as a failure. Returns None if there were
    too many: the dispatcher then compensates the run, or marks it as stuck until an operator's retry.
    """
    state, options = run.steps.get(call.name), config.options()
    if state is not None and state.status == "intent" and not state.failed:
        if run.attempts >= options.attempts:
            attempts.postpone(session, run, options.longest_pause)
            return None
        attempts.record_loss(session, run, call)
        if run.attempts >= options.attempts:
            attempts.postpone(session, run, 0.0)
            return None
    attempt = store.begin(run, call, request)
    return Begun(call, Lease(run.id, call.name, attempt), run.now(), time.time(), request)


def is_ours(run: Run, begun: Begun) -> bool:
    """Whether the attempt has not ended, by a takeover or a replay, and the run still has the same direction."""
    state = run.steps.get(begun.call.name)
    if state is None or state.status != "intent" or state.failed or state.attempts != begun.attempt:
        return False
    return run.status != "compensating" or not _is_forward(run, begun.call)


def _is_forward(run: Run, call: Call) -> bool:
    workflow, name = workflow_of(run.workflow, run.version), call.name.partition("[")[0]
    return name in {step.name for step in workflow.all_steps()} - {step.name for step in workflow.if_refused}
