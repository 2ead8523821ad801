"""PayPal's refunds and disputes in the shop's words (developer.paypal.com/docs/api/customer-disputes/v1)."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from tasks.gateways.payments.paypal_client import Client
from tasks.gateways.payments.paypal_orders import from_money
from tasks.gateways.payments.provider import Dispute, DisputeState, Refund, RefundState

REFUND_STATES: dict[str, RefundState] = {"COMPLETED": "succeeded", "FAILED": "failed", "CANCELLED": "failed"}
"""Anything else is pending."""
WON = ("RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED")
"""The outcomes after which the money is the seller's; with a payout, PayPal has paid the buyer."""
OPEN: dict[str, DisputeState] = {"OPEN": "needs_response", "WAITING_FOR_SELLER_RESPONSE": "needs_response"}
"""Any other status of a dispute that is not resolved is under review."""


def read_refund(made: dict[str, Any], reference: str) -> Refund:
    """A refund of this order. Its invoice id is the idempotency key under which it was asked for."""
    reason = (made.get("status_details") or {}).get("reason")
    state = REFUND_STATES.get(made["status"], "pending")
    return Refund(made["id"], reference, from_money(made["amount"]), state, made.get("invoice_id"), reason)


def list_disputes(client: Client, taken: dict[str, Any]) -> list[Dispute]:
    """The disputes of a capture. Raises GatewayDown."""
    query = urlencode({"disputed_transaction_id": taken["id"], "page_size": 50})
    listed = client.get(f"/v1/customer/disputes?{query}")
    return [
        Dispute(one["dispute_id"], from_money(one["dispute_amount"]), _state(one), one.get("reason"), _respond_by(one))
        for one in listed.get("items", [])
    ]


def _respond_by(dispute: dict[str, Any]) -> datetime | None:
    due = dispute.get("seller_response_due_date")
    return datetime.fromisoformat(due) if due else None


def _state(dispute: dict[str, Any]) -> DisputeState:
    if dispute["status"] != "RESOLVED":
        is_inquiry = dispute.get("dispute_life_cycle_stage") == "INQUIRY"
        return "inquiry" if is_inquiry else OPEN.get(dispute["status"], "under_review")
    outcome = dispute.get("dispute_outcome") or {}
    return "won" if outcome.get("outcome_code") in WON else "lost"
