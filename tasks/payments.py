"""Steps of the payments service: money is held for an order, or let go."""

from typing import Any

from sqlalchemy.orm import Session

from durable import Refusal, Run, Service
from models import payments
from models.errors import PaymentDeclined
from models.inputs import CheckoutInput
from tasks.gateways import payments as gateway

service = Service("payments")


def _hold(request: dict[str, Any], idempotency_key: str) -> str:
    return gateway.authorise(**request, idempotency_key=idempotency_key).reference


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
    reference = request["reference"]
    if reference is None:
        # Whether the hold has happened is not known. Asking for it again under its own key settles that for
        # good: a late first attempt can only find what is voided here.
        try:
            reference = _hold(request["hold"], request["hold_key"])
        except PaymentDeclined:
            return None
    gateway.void(reference=reference, idempotency_key=idempotency_key)
    return str(reference)


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
