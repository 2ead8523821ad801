"""The shop's audit; the API and the `shop` command share it."""

from sqlalchemy import func, select

from models import audit
from models.database import transaction
from tasks.gateways import payments

STATES = {"requires_capture": "authorised", "succeeded": "captured", "canceled": "voided"}
"""The gateway's words for a payment that it has authorised, in ours."""


def check_invariants() -> list[audit.Finding]:
    """The shop's invariants, checked now. Takes time with the number of payments that the gateway knows.

    Raises GatewayDown, and OperationalError when the database is away.
    """
    with transaction() as session:
        asked_at = session.scalars(select(func.clock_timestamp())).one()
    intents = [
        audit.Intent(held.reference, held.order_id, STATES.get(held.status, held.status), held.amount, held.currency)
        for held in payments.intents()
    ]
    with transaction() as session:
        return audit.audit(session, audit.Ledger(asked_at, intents))
