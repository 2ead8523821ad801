"""What the workers of `benchmarks.engine` run: the shop's own workflows, and a plain canvas of the same shape.

`celery -A benchmarks.workers`. One worker serves both, so that both have the same settings and the same
processes. The outside calls of an order that is quiet are left out, so that what remains is the engine and
the database.
"""

from typing import Any

from celery import Signature, chain, chord

from tasks import notifications, payments
from tasks.step import Step
from workflows import app
from workflows.checkout import CHECKOUT
from workflows.engine import FRESH, plan

__all__ = ["app"]

QUIET_CARD = "pm_quiet"
QUIET_MAIL = "@quiet.example"


@app.task(name="plain.nothing")
def nothing() -> None:
    """A task that does nothing, for a canvas that promises nothing."""


def plain_canvas() -> Signature:
    """Checkout's shape, `chain(a, b, c, chord([d, e, f], g))`, each task on the queue of its step."""
    stages = [[nothing.si().set(queue=call.step.service) for call in stage] for stage in plan(CHECKOUT, FRESH)]
    *singles, side_by_side, last = stages
    return chain(*(stage[0] for stage in singles), chord(side_by_side, last[0]))


def _silence(step: Step, quiet: Any, answer: Any) -> None:
    """Leaves out the step's outside call where `quiet(request)`."""
    ask = type(step).ask  # type: ignore[attr-defined]
    patched = staticmethod(lambda request, key: answer(key) if quiet(request) else ask(request, key))
    type(step).ask = patched  # type: ignore[attr-defined]


_silence(payments.authorise, lambda request: request["method"] == QUIET_CARD, lambda key: key)
_silence(notifications.order_confirmed, lambda request: request["to"].endswith(QUIET_MAIL), lambda key: None)
