"""The shop's audit; the API and the `shop` command share it."""

from sqlalchemy import func, select

from models.core.database import transaction
from models.operations import audit
from tasks.gateways.payments import stripe as payments


def check_invariants() -> list[audit.Finding]:
    """The shop's invariants, checked now. Takes time with the number of payments that the gateway knows.

    Raises GatewayDown, and OperationalError when the database is away.
    """
    with transaction() as session:
        asked_at = session.scalars(select(func.clock_timestamp())).one()
    intents = [
        audit.Intent(held.reference, held.order_id, _state(held), held.amount, held.currency)
        for held in payments.intents()
    ]
    with transaction() as session:
        return audit.audit(session, audit.Ledger(asked_at, intents))


def _state(payment: payments.Intent) -> str:
    """The gateway's words for a payment that it has authorised, in the audit's; its own word for any other."""
    if payment.status == "canceled" and payment.was_held:
        return "lapsed" if payment.cancellation_reason in payments.LAPSED else "voided"
    return {"requires_capture": "authorised", "succeeded": "captured"}.get(payment.status, payment.status)
