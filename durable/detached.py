"""Steps that work without the run's lock, concurrently with others: items of an `Each`, long steps, local members of a
chord.

The step is locked; the run is locked only to write the step's record. The start of a long step is committed, and its
lease is renewed while it works.
"""

import logging
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from durable import config, context, failures, lease, store, traces
from durable.begun import begin, is_ours
from durable.database import is_unavailable, transaction
from durable.errors import Superseded, Unavailable
from durable.next_step import is_free
from durable.plan import plan, progress_of
from durable.run import Run, Suspend
from durable.testing import crash_point
from durable.workflow import workflow_of

if TYPE_CHECKING:
    from durable.worker import Invocation

log = logging.getLogger(__name__)


def perform(invocation: "Invocation") -> None:
    """Performs the step of the message. Ends the invocation if a chord's body or another worker continues."""
    call, since = invocation.call, time.time()
    invocation.over = True
    try:
        if (call.step.is_detached or invocation.one_by_one) and not _begin(invocation):
            return
        with lease.renewing(invocation.begun.lease) if invocation.begun else nullcontext():
            done = _transact(invocation)
    except Superseded as error:
        log.info("left to another worker: %s", error)
    except OperationalError as error:
        if is_unavailable(error):
            raise
        failures.fail(invocation, call, since, Unavailable(f"Locking failed: {error.orig}"))
    except Exception as error:  # noqa: BLE001, any error is recorded at its step
        failures.fail(invocation, call, since, error)
    else:
        invocation.begun, invocation.worked = None, True
        if done:
            crash_point("after-commit", call.name, invocation.run_id)
            invocation.send_events(call, since, done=True)
            assert invocation.run is not None
            config.options().observer.step_ended(invocation.run, call, "done", since)
        invocation.over = invocation.is_member or not done


def _begin(invocation: "Invocation") -> bool:
    with transaction() as session:
        run = store.lock(session, invocation.run_id, invocation.generation)
        if run is not None and _is_next(invocation, run):
            invocation.begun = begin(session, run, invocation.call)
            if run.written:
                store.write(session, run, invocation.worker)
    return invocation.begun is not None


def _transact(invocation: "Invocation") -> bool:
    """Performs the step and writes its record in one transaction. False if another worker performs it."""
    call, begun = invocation.call, invocation.begun
    with transaction() as session:
        run = store.read(session, invocation.run_id, None if begun else invocation.generation, call.name)
        if run is None or not _is_next(invocation, run) or (begun and not is_ours(run, begun)):
            return False
        invocation.run = run
        context.trace.set(traces.of_step(run, call.name, traces.attempt_of(run, call.name)))
        context.request_id.set(run.request_id)
        started = run.now()
        output = call.step.perform(session, run, call.name)
        if isinstance(output, Suspend):
            raise TypeError(f"{call.step.name} works without the run's lock and cannot suspend the run")
        session.flush()
        crash_point("before-commit", call.name, run.id)
        attempt = begun.attempt if begun else None
        store.finish(run, call, output, started_at=started.isoformat(), attempt=attempt)
        store.join(session, run, call, invocation.worker, attempt)
    return True


def _is_next(invocation: "Invocation", run: Run) -> bool:
    stages = plan(workflow_of(run.workflow, run.version), progress_of(run))
    is_left = bool(stages) and any(call.name == invocation.call.name for call in stages[0])
    return is_left and is_free(invocation, run, invocation.call)
