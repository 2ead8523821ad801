"""Refunds: of a captured charge, whole or in part; some end later. docs.stripe.com/refunds, docs.stripe.com/testing.

Every function runs inside a transaction of the ledger; see `intents`.
"""

import time
from typing import Any

from sandbox.gateway import cards
from sandbox.gateway.errors import Answer, invalid, missing
from sandbox.gateway.intents import latest_charge, require
from sandbox.gateway.ledger import Ledger, new_id
from sandbox.gateway.params import CreateRefund

OPEN = ("pending", "succeeded")
"""The statuses of refunds that may fail."""


def refund(ledger: Ledger, params: CreateRefund, key: str | None) -> Answer:
    """Refunds the captured amount or a part of it. Raises Refused for more than is left, and for a disputed charge."""
    intent = ledger.find("payment_intent", params.payment_intent)
    if not intent:
        raise missing("payment_intent", params.payment_intent, "payment_intent")
    if intent["status"] != "succeeded":
        raise invalid(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    charge = latest_charge(ledger, intent)
    if any(not dispute["is_charge_refundable"] for dispute in ledger.newest("dispute", 10, intent=intent["id"])):
        detail = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(detail, code="charge_disputed")
    amount = _amount(charge, params.amount)
    method = intent["payment_method"]
    created = _refund(intent, amount, params, "pending" if method == cards.PENDING_REFUND else "succeeded")
    _count(ledger, charge, amount)
    ledger.add(created, intent["id"])
    ledger.note(intent["id"], "refund", amount, created["status"], key)
    ledger.emit("charge.refunded", charge, key)
    if method in (cards.PENDING_REFUND, cards.FAILING_REFUND):
        ledger.do_later(created["id"])
    return Answer(200, created)


def end(ledger: Ledger, identifier: str, status: str) -> Answer:
    """Ends a refund as `succeeded` or `failed`, also one that had succeeded. Money that failed to arrive is ours again.

    Raises Refused if it does not exist, has failed, or has this status.
    """
    given = ledger.find("refund", identifier)
    if not given:
        raise missing("refund", identifier, "id", status=404)
    if given["status"] not in OPEN or given["status"] == status:
        raise invalid(f"This refund has the status {given['status']}.")
    given["status"] = status
    if status == "failed":
        given["failure_reason"] = "expired_or_canceled_card"
        charge = ledger.find("charge", given["charge"])
        assert charge, "a refund has a charge"
        _count(ledger, charge, -given["amount"])
    ledger.save(given)
    ledger.note(given["payment_intent"], f"refund_{status}", given["amount"], status, None)
    ledger.emit("refund.updated", given, None)
    ledger.emit("charge.refund.updated", given, None)
    if status == "failed":
        ledger.emit("refund.failed", given, None)
    return Answer(200, given)


def end_as_usual(ledger: Ledger, given: dict[str, Any]) -> None:
    """Ends a refund as Stripe's documentation says of its payment method, unless it was ended on request."""
    intent = require(ledger, given["payment_intent"])
    before, after = {
        cards.PENDING_REFUND: ("pending", "succeeded"), cards.FAILING_REFUND: ("succeeded", "failed"),
    }[intent["payment_method"]]  # fmt: skip
    if given["status"] == before:
        end(ledger, given["id"], after)


def _amount(charge: dict[str, Any], asked: int | None) -> int:
    left: int = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if asked and asked > left:
        raise invalid(f"Refund amount ({asked}) is greater than unrefunded amount on charge ({left})", param="amount")
    return asked or left


def _count(ledger: Ledger, charge: dict[str, Any], amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    ledger.save(charge)


def _refund(intent: dict[str, Any], amount: int, params: CreateRefund, status: str) -> dict[str, Any]:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": intent["latest_charge"],
        "created": int(time.time()),
        "currency": intent["currency"],
        "failure_reason": None,
        "metadata": params.metadata,
        "payment_intent": intent["id"],
        "reason": params.reason,
        "status": status,
    }
