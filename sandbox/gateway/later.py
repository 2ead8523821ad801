"""What some of Stripe's test payment methods do a while later: refunds end, and charges are disputed."""

import asyncio

from sandbox.gateway import disputes, refunds
from sandbox.gateway.errors import Refused
from sandbox.gateway.ledger import Ledger

POLL_INTERVAL = 0.1  # seconds


async def act(ledger: Ledger, seconds: float) -> None:
    """Ends refunds and creates disputes so many seconds after their request. Never returns."""
    while True:
        for identifier in ledger.due_later(seconds):
            with ledger.transaction():
                _act(ledger, identifier)
                ledger.mark_done(identifier)
        await asyncio.sleep(POLL_INTERVAL)


def _act(ledger: Ledger, identifier: str) -> None:
    if given := ledger.find("refund", identifier):
        refunds.end_as_usual(ledger, given)
    elif charge := ledger.find("charge", identifier):
        try:
            disputes.create(ledger, charge["payment_intent"])
        except Refused:
            return  # it was disputed on request before
