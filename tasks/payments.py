"""Steps of the payments service: money is held for an order, or let go."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from durable import Refusal, Run, Service
from models import payments
from models.core.errors import PaymentDeclined
from models.core.workflow_inputs import CheckoutInput
from tasks.gateways.payments import stripe as gateway

service = Service("payments")

HOLDS_NOTHING = ("canceled", "requires_payment_method")  # and can't come to


def _hold(request: dict[str, Any], idempotency_key: str) -> str:
    """The reference of the order's one hold: the same whoever asks, however often.

    The keys `<key>`, `<key>:2`, `<key>:3` … are asked in this order, and the next one only when the one before is
    spent and has held nothing. A spent key can't hold anything any more, and a key whose answer is not known is
    asked again until it is. So whoever asks, an undo too, stops at the same key.
    """
    order_id, since = request["order_id"], datetime.fromisoformat(request["since"])
    asked = {name: request[name] for name in ("amount", "currency", "method", "order_id")}
    number, attempt = 1, idempotency_key
    while True:
        try:
            return gateway.authorise(**asked, idempotency_key=attempt).reference
        except gateway.KeySpent:
            if made := gateway.settle(order_id=order_id, since=since, attempt=attempt):
                return made.reference
        number += 1
        attempt = f"{idempotency_key}:{number}"


def _held(session: Session, run: Run[CheckoutInput], reference: str) -> dict[str, Any]:
    payment_id = payments.authorised(session, run.input["order_id"], reference)
    return {"payment_id": payment_id, "reference": reference}


def _declined(session: Session, run: Run[CheckoutInput], refusal: Refusal) -> None:
    payments.declined(session, run.input["order_id"], refusal.extra.get("decline_code"))


@service.external_step(call=_hold, record=_held, on_refusal=_declined)
def authorise(session: Session, run: Run[CheckoutInput]) -> dict[str, Any]:
    """Asks the gateway to hold the order's total on the customer's payment method."""
    return payments.to_hold(session, run.input["order_id"])


def _let_go(request: dict[str, Any], idempotency_key: str) -> str | None:
    hold = request["hold"]
    reference: str | None = request["reference"]
    if reference is None:
        # Whether the hold has happened is not known. Asking for it again under its own keys settles that for
        # good: a late first attempt can only find what is voided here.
        with suppress(PaymentDeclined):
            reference = _hold(hold, request["hold_key"])
    known = gateway.find(order_id=hold["order_id"], since=datetime.fromisoformat(hold["since"]))
    others = [intent.reference for intent in known if intent.status not in HOLDS_NOTHING]
    for found in dict.fromkeys([reference, *others] if reference else others):
        gateway.void(reference=found)
        reference = reference or found
    return reference


def _gone(session: Session, run: Run[CheckoutInput], reference: str | None) -> None:
    payments.voided(session, run.input["order_id"], reference)


@service.external_step(call=_let_go, record=_gone)
def void(session: Session, run: Run[CheckoutInput]) -> dict[str, Any]:
    """Undoes `authorise`, also one of which nobody knows whether it has happened."""
    order_id = run.input["order_id"]
    reference = payments.of_order(session, order_id).reference
    return {
        "reference": reference, "hold": payments.to_hold(session, order_id), "hold_key": run.idempotency_key(authorise),
    }  # fmt: skip
