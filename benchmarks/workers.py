"""What the workers of `benchmarks.engine` run: the shop's own workflows. `celery -A benchmarks.workers`.

The outside calls of an order that is quiet are left out, so that what remains is the engine and the database.
"""

from typing import Any

from tasks import notifications, payments
from tasks.step import Step
from workflows import app

__all__ = ["app"]

QUIET_CARD = "pm_quiet"
QUIET_MAIL = "@quiet.example"


def _silence(step: Step, quiet: Any, answer: Any) -> None:
    """Leaves out the step's outside call where `quiet(request)`."""
    ask = type(step).ask
    patched = staticmethod(lambda request, key: answer(key) if quiet(request) else ask(request, key))
    type(step).ask = patched


_silence(payments.authorise, lambda request: request["method"] == QUIET_CARD, lambda key: key)
_silence(notifications.order_confirmed, lambda request: request["to"].endswith(QUIET_MAIL), lambda key: None)
