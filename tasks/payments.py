"""Steps of the payments service: money is held for an order, or let go."""

from typing import Any

from sqlalchemy.orm import Session

from models import payments, runs
from models.errors import PaymentDeclined, ShopError
from tasks.gateways import payments as gateway
from tasks.step import Run, key, outside_step


def _hold(request: dict[str, Any], idempotency_key: str) -> str:
    return gateway.authorise(**request, idempotency_key=idempotency_key).reference


def _held(session: Session, run: Run, reference: str) -> dict[str, Any]:
    payment_id = payments.authorised(session, run.input["order_id"], reference)
    return {"payment_id": payment_id, "reference": reference}


def _declined(session: Session, run: runs.Run, refusal: ShopError) -> None:
    payments.declined(session, run.input["order_id"], refusal.extra.get("decline_code"))


@outside_step(ask=_hold, record=_held, on_refusal=_declined)
def authorise(session: Session, run: Run) -> dict[str, Any]:
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


def _gone(session: Session, run: Run, reference: str | None) -> None:
    payments.voided(session, run.input["order_id"], reference)


@outside_step(ask=_let_go, record=_gone)
def void(session: Session, run: Run) -> dict[str, Any]:
    """Undoes `authorise`, also one of which nobody knows whether it has happened."""
    order_id = run.input["order_id"]
    reference = payments.of_order(session, order_id).reference
    return {
        "reference": reference, "hold": payments.to_hold(session, order_id), "hold_key": key(run, authorise.name),
    }  # fmt: skip
