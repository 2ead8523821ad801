"""What the workers of `benchmarks.engine` run: the shop's own workflows. `celery -A benchmarks.workers`.

The outside calls of an order that is quiet are left out, so that what remains is the engine and the database.
"""

from typing import Any

from tasks.gateways.email import smtp as mail
from tasks.gateways.payments import stripe as payments
from workflows import app

__all__ = ["app"]

QUIET_CARD = "pm_quiet"
QUIET_MAIL = "@quiet.example"

_authorise, _send = payments.authorise, mail.send


def _quietly_authorise(*, method: str, idempotency_key: str, **order: Any) -> payments.Authorisation:
    if method == QUIET_CARD:
        return payments.Authorisation(idempotency_key, "requires_capture")
    return _authorise(method=method, idempotency_key=idempotency_key, **order)


def _quietly_send(*, to: str, **message: Any) -> None:
    if not to.endswith(QUIET_MAIL):
        _send(to=to, **message)


payments.authorise, mail.send = _quietly_authorise, _quietly_send
