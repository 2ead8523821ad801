"""Steps of the payments service: authorising, voiding, capturing and refunding money."""

from contextlib import suppress
from datetime import datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from durable import Refusal, Run, Service, Unavailable
from models import payments, returns
from models.core.errors import Conflict, PaymentDeclined
from models.core.workflow_inputs import (
    CancellationInput,
    CaptureInput,
    CheckoutInput,
    ParcelInput,
    RefundInput,
    ReturnInput,
)
from models.payments import HoldRequest
from settings import settings
from tasks.gateways.payments import provider
from tasks.gateways.payments.provider import MAY_HOLD, AuthorisationRequest, PaymentProvider

service = Service("payments")


def _hold(request: HoldRequest, idempotency_key: str) -> str:
    """The reference of the payment's one hold: the same whoever asks, however often."""
    asked = AuthorisationRequest(
        order_id=request["order_id"], payment_id=request.get("payment_id"), amount=request["amount"],
        currency=request["currency"], method=request["method"], since=datetime.fromisoformat(request["since"]),
    )  # fmt: skip
    return _provider_of(request).authorise(asked, idempotency_key).reference


def _provider_of(request: HoldRequest) -> PaymentProvider:
    # Requests that were kept before there were several providers name none.
    return provider(request.get("gateway", payments.GATEWAY))


def _record_hold(session: Session, run: Run[CheckoutInput], reference: str) -> dict[str, str]:
    payment_id = _payment_of(session, run)
    payments.record_authorisation(session, payment_id, reference)
    return {"payment_id": payment_id, "reference": reference}


def _record_decline(session: Session, run: Run[CheckoutInput], refusal: Refusal) -> None:
    payments.record_decline(session, _payment_of(session, run), refusal.extra.get("decline_code"))


def _payment_of(session: Session, run: Run[CheckoutInput]) -> str:
    """The payment that this checkout is about. Runs that were started before an order could have several name none."""
    return run.input.get("payment_id") or payments.find_first_payment(session, run.input["order_id"])


@service.external_step(call=_hold, record=_record_hold, on_refusal=_record_decline)
def authorise(session: Session, run: Run[CheckoutInput]) -> HoldRequest:
    """Asks the provider to hold the order's total on the customer's payment method."""
    return payments.get_authorisation_request(session, _payment_of(session, run))


class VoidRequest(TypedDict):
    reference: str | None  # None: it is not known whether anything is held
    hold: HoldRequest
    hold_key: str


def _let_go(request: VoidRequest, idempotency_key: str) -> str | None:
    hold, reference = request["hold"], request["reference"]
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
def void(session: Session, run: Run[CheckoutInput]) -> VoidRequest:
    """Undoes `authorise`, also one of which nobody knows whether it has happened."""
    payment_id = _payment_of(session, run)
    reference = payments.lock_payment(session, payment_id).reference
    # A provider refuses a key that comes with another request than before, also one that a release before has made.
    hold = run.request(authorise) or payments.get_authorisation_request(session, payment_id)
    return {"reference": reference, "hold": hold, "hold_key": run.idempotency_key(authorise)}


class MoneyRequest(TypedDict):
    """What a provider is asked for an authorised or captured payment. `kind`: capture, void or refund."""

    kind: str
    transaction_id: str
    gateway: str
    reference: str
    amount: int


class Settled(TypedDict):
    """What the provider has done."""

    kind: str
    transaction_id: str
    amount: int
    reference: str
    state: str


def _move_money(request: MoneyRequest, idempotency_key: str) -> Settled:
    try:
        return _ask_provider(request, idempotency_key)
    except Conflict as error:
        raise Conflict(error.detail, code="payment_refused") from error


def _ask_provider(request: MoneyRequest, idempotency_key: str) -> Settled:
    gateway, reference, amount = provider(request["gateway"]), request["reference"], request["amount"]
    done: Settled = {
        "kind": request["kind"], "transaction_id": request["transaction_id"], "amount": amount, "reference": reference,
        "state": "succeeded",
    }  # fmt: skip
    if request["kind"] == "capture":
        done["amount"] = gateway.capture(reference=reference, amount=amount, idempotency_key=idempotency_key).amount
    elif request["kind"] == "void":
        gateway.void(reference=reference)
    else:
        given = gateway.refund(reference=reference, amount=amount, idempotency_key=idempotency_key)
        if given.state == "failed":
            raise Conflict("The provider reports that the refund has failed.", code="payment_refused")
        done["reference"], done["state"] = given.reference, given.state
    return done


def _record_money(session: Session, run: Run, done: Settled) -> Settled:
    if done["kind"] == "capture":
        payments.settle_capture(session, done["transaction_id"], done["amount"], done["reference"])
    elif done["kind"] == "void":
        payments.settle_void(session, done["transaction_id"], done["reference"])
    else:
        payments.settle_refund(session, done["transaction_id"], done["reference"], done["state"])
    return done


def _record_refused(session: Session, run: Run[CaptureInput], refusal: Refusal) -> None:
    error = {"code": refusal.code, "detail": refusal.detail}
    payments.settle_failure(session, run.input["transaction_id"], error)


def _record_order_refused(session: Session, run: Run[ParcelInput], refusal: Refusal) -> None:
    error = {"code": refusal.code, "detail": refusal.detail}
    payments.settle_failure(session, run.request(capture_order)["transaction_id"], error)


def _request_of(session: Session, transaction_id: str) -> MoneyRequest:
    asked = payments.get_transaction(session, transaction_id)
    payment = payments.get_payment(session, asked.payment_id)
    return {
        "kind": asked.kind, "transaction_id": asked.id, "gateway": payment.gateway,
        "reference": payment.reference or "", "amount": asked.amount,
    }  # fmt: skip


@service.external_step(call=_move_money, record=_record_money, on_refusal=_record_refused)
def capture(session: Session, run: Run[CaptureInput]) -> MoneyRequest:
    """Captures the authorised money."""
    return _request_of(session, run.input["transaction_id"])


@service.external_step(call=_move_money, record=_record_money, on_refusal=_record_refused)
def refund(session: Session, run: Run[RefundInput]) -> MoneyRequest:
    """Refunds captured money."""
    return _request_of(session, run.input["transaction_id"])


def _give_back(request: MoneyRequest, idempotency_key: str) -> Settled:
    try:
        return _move_money(request, idempotency_key)
    except Conflict as error:
        # The order is cancelled: nothing but giving the money back is right. An operator sees the run as stuck.
        raise Unavailable(f"The provider refuses to {request['kind']} the payment: {error.detail}") from error


@service.external_step(call=_give_back, record=_record_money)
def give_back(session: Session, run: Run[CancellationInput]) -> MoneyRequest | None:
    """Voids or refunds the payment of a cancelled order. Waits while a capture or a refund is pending."""
    transaction_id = payments.request_return(session, run.input["payment_id"], run.id)
    return None if transaction_id is None else _request_of(session, transaction_id)


@service.external_step(call=_move_money, record=_record_money, on_refusal=_record_order_refused)
def capture_order(session: Session, run: Run[ParcelInput]) -> MoneyRequest | None:
    """Captures the payment of an order whose first parcel is about to leave, unless `SHOP_CAPTURE` says otherwise."""
    if settings.capture == "manual":
        return None
    transaction_id = payments.open_capture(session, payments.find_first_payment(session, run.input["order_id"]), run.id)
    return None if transaction_id is None else _request_of(session, transaction_id)


@service.external_step(call=_give_back, record=_record_money)
def refund_return(session: Session, run: Run[ReturnInput]) -> MoneyRequest | None:
    """Refunds the goods of a return. Waits while a capture or a refund is pending."""
    made = returns.get_return(session, run.input["return_id"])
    if not made.refund:
        return None
    payment_id = payments.find_first_payment(session, made.order_id)
    opened = payments.open_refund(session, payment_id, made.refund, run.id)
    made.refund = opened.amount if opened is not None else 0  # staff may have refunded some of it since
    return None if opened is None else _request_of(session, opened.id)
