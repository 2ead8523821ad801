"""Disputes of captured money (developer.paypal.com/docs/api/customer-disputes/v1).

Every function runs inside the ledger's transaction.
"""

from datetime import timedelta
from typing import Any

from sandbox.paypal.answers import unprocessable
from sandbox.paypal.ledger import Ledger, new_id
from sandbox.paypal.orders import emit, now, require, timestamp

TO_RESPOND = timedelta(days=10)


def listed(ledger: Ledger, capture_id: str) -> dict[str, Any]:
    """The disputes of a capture, which may be none."""
    order = ledger.order_of(capture_id, "capture")
    return {"items": [one for one in (order or {}).get("_disputes", []) if _capture_of(one) == capture_id]}


def dispute(ledger: Ledger, order_id: str, outcome: str | None) -> dict[str, Any]:
    """Opens a dispute of the order's capture, or with an `outcome` resolves the one that is open.

    Raises Refused if nothing was captured, or nothing is open.
    """
    order = require(ledger, order_id)
    known: list[dict[str, Any]] = order.setdefault("_disputes", [])
    found = next((one for one in known if one["status"] != "RESOLVED"), None)
    if outcome is None and found is None:
        found = _open(order)
        known.append(found)
        kind = "CUSTOMER.DISPUTE.CREATED"
    elif outcome is not None and found is not None:
        found |= {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
        kind = "CUSTOMER.DISPUTE.RESOLVED"
    else:
        raise unprocessable("DISPUTE_STATE_INVALID", "The dispute is not in a state that allows this.")
    ledger.save(order)
    emit(ledger, kind, "dispute", found)
    return found


def _open(order: dict[str, Any]) -> dict[str, Any]:
    taken = order["purchase_units"][0]["payments"].get("captures", [])
    if not taken:
        raise unprocessable("TRANSACTION_NOT_FOUND", "There is no captured payment that can be disputed.")
    of_capture = {"seller_transaction_id": taken[-1]["id"], "custom": taken[-1].get("custom_id")}
    return {
        "dispute_id": f"PP-D-{new_id()}", "create_time": timestamp(now()), "reason": "UNAUTHORISED",
        "status": "WAITING_FOR_SELLER_RESPONSE", "dispute_life_cycle_stage": "CHARGEBACK",
        "seller_response_due_date": timestamp(now() + TO_RESPOND), "dispute_amount": taken[-1]["amount"],
        "disputed_transactions": [of_capture],
    }  # fmt: skip


def _capture_of(one: dict[str, Any]) -> str:
    return str(one["disputed_transactions"][0]["seller_transaction_id"])
