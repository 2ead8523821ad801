"""Steps that settle payments: capturing, voiding and refunding what is authorised or captured."""

from datetime import timedelta
from typing import TypedDict

from sqlalchemy.orm import Session

from durable import Refusal, Run, Suspend, Unavailable
from models import payments, returns
from models.core.errors import Conflict
from models.core.workflow_inputs import (
    CancellationInput,
    CaptureInput,
    LineCancellationInput,
    ParcelInput,
    RefundInput,
    ReturnInput,
)
from settings import settings
from tasks.gateways.payments import provider
from tasks.payments.authorisation import service


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
        done = _ask_provider(request, idempotency_key)
    except Conflict as error:
        raise Conflict(error.detail, code="payment_refused") from error
    if done["state"] == "failed":
        raise Conflict("The provider reports that the refund has failed.", code="payment_refused")
    return done


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


@service.step
def abandon(session: Session, run: Run[CaptureInput]) -> None:
    """Ends the transaction of a capture or a refund that was cancelled before the provider was asked."""
    error = {"code": run.error["code"], "detail": run.error["detail"]}
    payments.abandon(session, run.input["transaction_id"], error)


RETRY_AFTER = timedelta(hours=1)


@service.step
def await_dispute(
    session: Session, run: Run[CancellationInput | LineCancellationInput | ReturnInput]
) -> Suspend | None:
    """Waits while a dispute is open: no provider refunds a payment that the bank may take back."""
    payment_id = run.input.get("payment_id") or payments.find_first_payment(session, run.input["order_id"])
    if payments.get_balance(session, str(payment_id)).disputed:
        return Suspend(run.now() + RETRY_AFTER)
    return None


def _give_back(request: MoneyRequest, idempotency_key: str) -> Settled:
    try:
        return _ask_provider(request, idempotency_key)  # a refund that has failed is reopened: staff are notified
    except Conflict as error:
        # The order is cancelled: nothing but giving the money back is right. An operator sees the run as stuck.
        raise Unavailable(f"The provider refuses to {request['kind']} the payment: {error.detail}") from error


@service.external_step(call=_give_back, record=_record_money)
def give_back(session: Session, run: Run[CancellationInput]) -> MoneyRequest | None:
    """Voids or refunds the payment of a cancelled order. Waits while a capture or a refund was not answered."""
    transaction_id = payments.request_return(session, run.input["payment_id"], run.id)
    return None if transaction_id is None else _request_of(session, transaction_id)


class CancelledMoney(TypedDict):
    """What becomes of the money of cancelled pieces: an amount that is never captured, or the transaction that refunds.

    Neither, if it was captured and nothing is left to refund.
    """

    voided: int
    transaction_id: str | None


@service.step
def settle_cancelled(session: Session, run: Run[LineCancellationInput]) -> CancelledMoney:
    """Decides whether cancelled pieces are refunded or left out of the capture. Waits while one is pending."""
    if run.input["voided"] or not run.input["amount"]:
        return {"voided": run.input["voided"], "transaction_id": None}
    payment_id, amount = run.input["payment_id"], run.input["amount"]
    opened = payments.reduce_or_refund(session, payment_id, amount, run.id)
    is_captured = payments.get_payment(session, payment_id).captured > 0
    return {"voided": 0 if is_captured else amount, "transaction_id": opened.id if opened else None}


@service.external_step(call=_give_back, record=_record_money)
def refund_cancelled(session: Session, run: Run[LineCancellationInput]) -> MoneyRequest | None:
    """Refunds cancelled pieces that were captured."""
    settled = run.output(settle_cancelled)
    return _request_of(session, settled["transaction_id"]) if settled and settled["transaction_id"] else None


@service.external_step(call=_move_money, record=_record_money, on_refusal=_record_order_refused)
def capture_order(session: Session, run: Run[ParcelInput]) -> MoneyRequest | None:
    """Captures the payment of an order whose first parcel is about to leave, unless `SHOP_CAPTURE` says otherwise."""
    if settings.capture == "manual":
        return None
    transaction_id = payments.open_capture(session, payments.find_first_payment(session, run.input["order_id"]), run.id)
    return None if transaction_id is None else _request_of(session, transaction_id)


@service.external_step(call=_give_back, record=_record_money)
def refund_return(session: Session, run: Run[ReturnInput]) -> MoneyRequest | None:
    """Refunds the goods of a return. Waits while a refund was not answered."""
    made = returns.get_return(session, run.input["return_id"])
    if not made.refund:
        return None
    payment_id = payments.find_first_payment(session, made.order_id)
    opened = payments.open_refund(session, payment_id, made.refund, run.id)
    made.refund = opened.amount if opened is not None else 0  # staff may have refunded some of it since
    return None if opened is None else _request_of(session, opened.id)
