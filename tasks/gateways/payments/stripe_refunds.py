"""Stripe's refunds and disputes in the shop's words."""

from datetime import UTC, datetime

import stripe

from tasks.gateways.payments.provider import Dispute, DisputeState, Refund, RefundState
from tasks.gateways.payments.stripe_client import calling

REFUND_STATES: dict[str | None, RefundState] = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
"""Anything else is pending."""
DISPUTE_STATES: dict[str, DisputeState] = {
    "warning_needs_response": "inquiry", "warning_under_review": "inquiry", "warning_closed": "won",
    "needs_response": "needs_response", "under_review": "under_review", "won": "won", "lost": "lost",
    "prevented": "lost",  # by giving the money back
}  # fmt: skip
"""Anything else is under review."""
REPORTS = ("refund.updated", "refund.failed", "charge.refund.updated", "charge.dispute.")
"""How the types of events begin that are about the end of a refund or about a dispute."""
PAGE = 100


def list_refunds(client: stripe.StripeClient, reference: str) -> list[Refund]:
    """The refunds of a payment intent. Raises GatewayDown."""
    with calling():
        listed = client.v1.refunds.list(params={"payment_intent": reference, "limit": PAGE})
        return [read_refund(given, reference) for given in listed.auto_paging_iter()]


def list_disputes(client: stripe.StripeClient, reference: str) -> list[Dispute]:
    """The disputes of a payment intent. Raises GatewayDown."""
    with calling():
        listed = client.v1.disputes.list(params={"payment_intent": reference, "limit": PAGE})
        return [
            Dispute(one.id, one.amount, DISPUTE_STATES.get(one.status, "under_review"), one.reason, _respond_by(one))
            for one in listed.auto_paging_iter()
        ]


def _respond_by(given: stripe.Dispute) -> datetime | None:
    """0 or None: the bank takes no response."""
    due_by = (given.to_dict().get("evidence_details") or {}).get("due_by")
    return datetime.fromtimestamp(due_by, UTC) if due_by else None


def read_refund(given: stripe.Refund, reference: str) -> Refund:
    """A refund of this payment intent."""
    about = given.to_dict()  # which has only the members that Stripe has sent
    return Refund(
        given.id, reference, given.amount, REFUND_STATES.get(given.status, "pending"),
        (about.get("metadata") or {}).get("attempt"), about.get("failure_reason"),
    )  # fmt: skip
