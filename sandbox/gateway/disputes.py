"""Disputes: a customer's bank takes a captured charge back, until it decides. docs.stripe.com/disputes.

Every function runs inside a transaction of the ledger; see `intents`.
"""

import time
from typing import Any

from sandbox.gateway import cards
from sandbox.gateway.errors import Answer, invalid, missing
from sandbox.gateway.intents import latest_charge, require
from sandbox.gateway.ledger import Ledger, new_id
from sandbox.gateway.params import UpdateDispute

OPEN = ("warning_needs_response", "warning_under_review", "needs_response", "under_review")
DAYS_TO_RESPOND = 9
OUTCOMES = {"winning_evidence": "won", "losing_evidence": "lost"}
"""What Stripe's documentation submits as `uncategorized_text` to end a dispute."""


def create(ledger: Ledger, intent_id: str) -> Answer:
    """Disputes the captured charge of an intent. Raises Refused unless there is one, and if it is disputed."""
    intent = require(ledger, intent_id)
    charge = latest_charge(ledger, intent) if intent["status"] == "succeeded" else None
    if charge is None or charge["disputed"]:
        raise invalid("There is no charge that can be disputed.")
    is_inquiry = intent["payment_method"] == cards.INQUIRY
    dispute = {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": charge["amount_captured"] - charge["amount_refunded"] or charge["amount_captured"],
        "charge": charge["id"],
        "created": int(time.time()),
        "currency": charge["currency"],
        "evidence": {"uncategorized_text": None},
        "evidence_details": {"due_by": int(time.time()) + DAYS_TO_RESPOND * 86400, "has_evidence": False},
        "is_charge_refundable": is_inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": intent_id,
        "reason": cards.DISPUTES.get(intent["payment_method"], "general"),
        "status": "warning_needs_response" if is_inquiry else "needs_response",
    }
    charge["disputed"] = True
    ledger.save(charge)
    ledger.add(dispute, intent_id)
    ledger.note(intent_id, "dispute", dispute["amount"], dispute["status"], None)
    ledger.emit("charge.dispute.created", dispute, None)
    if not is_inquiry:
        ledger.emit("charge.dispute.funds_withdrawn", dispute, None)
    return Answer(200, dispute)


def update(ledger: Ledger, identifier: str, params: UpdateDispute, key: str | None) -> Answer:
    """Adds evidence to an open dispute, and decides it if that is submitted and one of Stripe's words for tests."""
    dispute = ledger.find("dispute", identifier)
    if not dispute:
        raise missing("dispute", identifier, "id", status=404)
    if dispute["status"] not in OPEN:
        raise invalid(f"This dispute is {dispute['status']}; evidence can't be added any more.")
    said = params.evidence.get("uncategorized_text")
    dispute["evidence"] = {"uncategorized_text": said}
    if params.submit == "true":
        status = OUTCOMES.get(said or "", "under_review")
        is_inquiry = dispute["status"].startswith("warning_")
        dispute["status"] = "warning_under_review" if is_inquiry and status == "under_review" else status
    ledger.save(dispute)
    ledger.emit("charge.dispute.updated", dispute, key)
    if dispute["status"] not in OPEN:
        _close(ledger, dispute, key)
    return Answer(200, dispute)


def _close(ledger: Ledger, dispute: dict[str, Any], key: str | None) -> None:
    if dispute["status"] == "won":
        dispute["is_charge_refundable"] = True
        ledger.save(dispute)
        ledger.emit("charge.dispute.funds_reinstated", dispute, key)
    ledger.note(dispute["payment_intent"], "dispute", dispute["amount"], dispute["status"], key)
    ledger.emit("charge.dispute.closed", dispute, key)
