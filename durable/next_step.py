"""Which of the next steps this worker performs in place. The rest is published for other workers."""

import time
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from durable import attempts, breaker, config, lease, slots
from durable.plan import Call
from durable.run import Run

if TYPE_CHECKING:
    from durable.batch import Batch
    from durable.worker import Invocation

FEW = 4  # parallel steps; with more of them, each gets a message for other workers


def choose(
    invocation: "Invocation", session: Session, run: Run, stages: list[list[Call]], batch: "Batch"
) -> Call | None:
    """The next step for this worker; None if the rest is published or nothing remains for it."""
    if not invocation.worked and not invocation.redelivered and run.is_done(invocation.call.name):
        batch.over = True  # a duplicate message: the worker of the original continues
        return None
    own, left = invocation.call.name, stages[0]
    if invocation.is_member:
        left = [call for call in left if call.name == own]
    ready = [call for call in left if is_free(invocation, run, call)]
    begun = invocation.begun and invocation.begun.call  # performed next: no other worker can while its lease is valid
    mine = [call for call in ready if _performs(invocation, call, ready)]
    for call in sorted(mine, key=lambda call: (call != begun, call.name != own)):
        if not call.step.is_external or _may_call(invocation, call):
            invocation.worked = True
            return call
    answering = [call for call in ready if not call.step.is_external or breaker.pause(call.step.queue) is None]
    if ready and not answering:  # only calls to unavailable services remain: no process waits for them
        attempts.postpone(session, run, max(breaker.pause(call.step.queue) or 0.0 for call in ready))
    batch.publish = [] if invocation.is_member or not answering else [answering, *stages[1:]]
    batch.over = not batch.publish
    return None


def is_free(invocation: "Invocation", run: Run, call: Call) -> bool:
    """Whether no other worker holds a step. A valid lease belongs to another worker, unless that process is known to be
    dead; with an error, it is the delay between two attempts."""
    state = run.steps.get(call.name)
    if state is None or state.status != "intent" or not state.held:
        return True
    if invocation.begun is not None and invocation.begun.call == call:
        return not call.step.is_external
    return invocation.redelivered and not state.failed and lease.is_dead(state.worker)


def _performs(invocation: "Invocation", call: Call, ready: list[Call]) -> bool:
    """Whether this worker performs a step in place. It always performs the step of the message, and one it has started.

    Two external calls are for two workers, because their durations are unknown.
    """
    is_begun = invocation.begun is not None and invocation.begun.call == call
    if is_begun or (call.name == invocation.call.name and not invocation.worked):
        return True
    if call.step.is_detached or len(ready) > FEW or (invocation.is_slow and len(ready) > 1):
        return False
    if call.step.is_external and sum(other.step.is_external for other in ready) > 1:
        return False
    if call.step.anywhere:
        return True
    return time.monotonic() < invocation.until and (_consumes(call) or call.step.queue in config.options().in_place)


def _consumes(call: Call) -> bool:
    return call.step.queue in config.current().app.amqp.queues.consume_from


def _may_call(invocation: "Invocation", call: Call) -> bool:
    """Whether this process may make the call now."""
    queue = call.step.queue
    if _consumes(call):
        return breaker.may_call(queue)
    return breaker.is_closed(queue) and slots.acquire(queue, invocation.request.hostname)
