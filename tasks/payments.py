"""Steps of the payments service: money is held for an order, or let go."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from durable import Refusal, Run, Service
from models import payments
from models.core.errors import PaymentDeclined
from models.core.workflow_inputs import CheckoutInput
from tasks.gateways.payments import provider
from tasks.gateways.payments.provider import MAY_HOLD, AuthorisationRequest, PaymentProvider

service = Service("payments")


def _hold(request: dict[str, Any], idempotency_key: str) -> str:
    """The reference of the payment's one hold: the same whoever asks, however often."""
    asked = AuthorisationRequest(
        order_id=request["order_id"], payment_id=request.get("payment_id"), amount=request["amount"],
        currency=request["currency"], method=request["method"], since=datetime.fromisoformat(request["since"]),
    )  # fmt: skip
    return _provider_of(request).authorise(asked, idempotency_key).reference


def _provider_of(request: dict[str, Any]) -> PaymentProvider:
    # Requests that were kept before there were several providers name none.
    return provider(request.get("gateway", payments.GATEWAY))


def _record_hold(session: Session, run: Run[CheckoutInput], reference: str) -> dict[str, Any]:
    payment_id = _payment_of(session, run)
    payments.record_authorisation(session, payment_id, reference)
    return {"payment_id": payment_id, "reference": reference}


def _record_decline(session: Session, run: Run[CheckoutInput], refusal: Refusal) -> None:
    payments.record_decline(session, _payment_of(session, run), refusal.extra.get("decline_code"))


def _payment_of(session: Session, run: Run[CheckoutInput]) -> str:
    """The payment that this checkout is about. Runs that were started before an order could have several name none."""
    return run.input.get("payment_id") or payments.find_first_payment(session, run.input["order_id"])


@service.external_step(call=_hold, record=_record_hold, on_refusal=_record_decline)
def authorise(session: Session, run: Run[CheckoutInput]) -> dict[str, Any]:
    """Asks the provider to hold the order's total on the customer's payment method."""
    return payments.get_authorisation_request(session, _payment_of(session, run))


def _let_go(request: dict[str, Any], idempotency_key: str) -> str | None:
    hold = request["hold"]
    reference: str | None = request["reference"]
    if reference is None:
        # Whether the hold has happened is not known. Asking for it again under its own keys settles that for
        # good: a late first attempt can only find what is voided here.
        with suppress(PaymentDeclined):
            reference = _hold(hold, request["hold_key"])
    gateway, since = _provider_of(hold), datetime.fromisoformat(hold["since"])
    known = gateway.find(order_id=hold["order_id"], payment_id=hold.get("payment_id"), since=since)
    others = [made.reference for made in known if made.state in MAY_HOLD]
    for found in dict.fromkeys([reference, *others] if reference else others):
        gateway.void(reference=found)
        reference = reference or found
    return reference


def _record_void(session: Session, run: Run[CheckoutInput], reference: str | None) -> None:
    payments.record_void(session, _payment_of(session, run), reference)


@service.external_step(call=_let_go, record=_record_void)
def void(session: Session, run: Run[CheckoutInput]) -> dict[str, Any]:
    """Undoes `authorise`, also one of which nobody knows whether it has happened."""
    payment_id = _payment_of(session, run)
    reference = payments.lock_payment(session, payment_id).reference
    # A provider refuses a key that comes with another request than before, also one that a release before has made.
    hold = run.request(authorise) or payments.get_authorisation_request(session, payment_id)
    return {"reference": reference, "hold": hold, "hold_key": run.idempotency_key(authorise)}
