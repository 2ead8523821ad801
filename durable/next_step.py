"""Which of the steps that come next this worker performs in place; the rest is published for others."""

import time
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from durable import attempts, breaker, config, lease, slots
from durable.plan import Call
from durable.run import Run

if TYPE_CHECKING:
    from durable.worker import Batch, Invocation

FEW = 4  # steps side by side; more of them are worth a message each, for other workers to share


def choose(
    invocation: "Invocation", session: Session, run: Run, stages: list[list[Call]], batch: "Batch"
) -> Call | None:
    """The next step for this worker. None: the rest is published, or nothing is left for us to do."""
    if not invocation.worked and not invocation.redelivered and run.is_done(invocation.call.name):
        batch.over = True  # a copy of a message: the worker of the other one goes on
        return None
    own, left = invocation.call.name, stages[0]
    if invocation.is_member:
        left = [call for call in left if call.name == own]
    ready = [call for call in left if is_free(invocation, run, call)]
    begun = invocation.begun and invocation.begun.call  # it is performed next: nobody else can, while it is in hand
    mine = [call for call in ready if _performs(invocation, call, ready)]
    for call in sorted(mine, key=lambda call: (call != begun, call.name != own)):
        if not call.step.is_external or _may_call(invocation, call):
            invocation.worked = True
            return call
    answering = [call for call in ready if not call.step.is_external or breaker.pause(call.step.queue) is None]
    if ready and not answering:  # what is left calls services that do not answer: no process waits for them
        attempts.postpone(session, run, max(breaker.pause(call.step.queue) or 0.0 for call in ready))
    batch.publish = [] if invocation.is_member or not answering else [answering, *stages[1:]]
    batch.over = not batch.publish
    return None


def is_free(invocation: "Invocation", run: Run, call: Call) -> bool:
    """Whether a step is in nobody's hands. A live lease is another worker's, unless that process is known to be dead;
    with an error it is the pause between two attempts."""
    state = run.steps.get(call.name)
    if state is None or state.status != "intent" or not state.in_hand:
        return True
    if invocation.begun is not None and invocation.begun.call == call:
        return not call.step.is_external
    return invocation.redelivered and not state.failed and lease.is_dead(state.worker)


def _performs(invocation: "Invocation", call: Call, ready: list[Call]) -> bool:
    """Whether this worker performs the step in place. One that came by message, or that it has begun, it always does.

    Two calls outside are for two workers: nobody knows how long one takes.
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
    """Whether its service may be called now, by this process."""
    queue = call.step.queue
    if _consumes(call):
        return breaker.may_call(queue)
    return breaker.is_closed(queue) and slots.take(queue, invocation.request.hostname)
