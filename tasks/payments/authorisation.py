"""Steps of the checkout's payment: authorising it, waiting for a customer who has to confirm it, and voiding it."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable import Refusal, Run, Service, Suspend, extend_deadline, notify, start
from models import payments
from models.core.errors import Conflict, PaymentDeclined
from models.core.workflow_inputs import CheckoutInput
from models.payments import HoldRequest
from settings import settings
from tasks.gateways.payments import provider
from tasks.gateways.payments.provider import MAY_HOLD, AuthorisationRequest, NextAction, PaymentProvider, State

service = Service("payments")
UNDECIDED: tuple[State, ...] = ("requires_action", "processing")
REMIND_AFTER = timedelta(minutes=5)  # for which a customer may look for their phone
MIN_POLL, MAX_POLL = 10.0, 300.0  # seconds between two questions whether a customer has confirmed a payment


class Held(TypedDict):
    """What the provider has answered. `next_action`: what the customer must do, if the state is requires_action.

    `user_id`: as in the request. Only requests that had it before may have it again under the same key.
    """

    reference: str
    state: State
    next_action: dict[str, str] | None
    user_id: NotRequired[str | None]


def _hold(request: HoldRequest, idempotency_key: str) -> Held:
    """The payment's one hold: the same whoever asks, however often."""
    asked = AuthorisationRequest(
        order_id=request["order_id"], payment_id=request.get("payment_id"), amount=request["amount"],
        currency=request["currency"], method=request["method"], since=datetime.fromisoformat(request["since"]),
        return_url=request.get("return_url"), user_id=request.get("user_id"),
    )  # fmt: skip
    gateway = _provider_of(request)
    made = gateway.authorise(asked, idempotency_key)
    action = gateway.next_action(made.reference) if made.state == "requires_action" else None
    answer: Held = {"reference": made.reference, "state": made.state, "next_action": _in_api(action)}
    return {**answer, "user_id": request["user_id"]} if "user_id" in request else answer


def _in_api(action: NextAction | None) -> dict[str, str] | None:
    if action is None:
        return None
    if action.url:
        return {"type": "redirect", "url": action.url}
    return {"type": "use_stripe_sdk", "client_secret": action.client_secret or ""}


def _provider_of(request: HoldRequest) -> PaymentProvider:
    # Requests that were kept before there were several providers name none.
    return provider(request.get("gateway", payments.GATEWAY))


def _record_hold(session: Session, run: Run[CheckoutInput], held: Held) -> dict[str, str]:
    payment_id, reference = _payment_of(session, run), held["reference"]
    if held["state"] in UNDECIDED:
        expires_at = run.now() + timedelta(seconds=settings.action_deadline)
        action = held["next_action"] or {"type": "wait"}
        payments.record_action(session, payment_id, reference, {**action, "expires_at": expires_at.isoformat()})
        extend_deadline(session, run.id, settings.action_deadline + settings.checkout_deadline)
        notify(session, run.id)
        about = {"order_id": run.input["order_id"], "payment_id": payment_id}
        remind_at = (run.now() + REMIND_AFTER).isoformat()
        start(session, "action_needed", key=payment_id, input={**about, "remind_at": remind_at})
    else:
        payments.record_authorisation(session, payment_id, reference)
    named = {"user_id": str(held["user_id"])} if held.get("user_id") else {}
    return {"payment_id": payment_id, "reference": reference, "state": held["state"], **named}


def _record_decline(session: Session, run: Run[CheckoutInput], refusal: Refusal) -> None:
    payments.record_decline(session, _payment_of(session, run), refusal.extra.get("decline_code"))


def _payment_of(session: Session, run: Run[CheckoutInput]) -> str:
    """The payment that this checkout is about. Runs that were started before an order could have several name none."""
    return run.input.get("payment_id") or payments.find_first_payment(session, run.input["order_id"])


@service.external_step(call=_hold, record=_record_hold, on_refusal=_record_decline)
def authorise(session: Session, run: Run[CheckoutInput]) -> HoldRequest:
    """Asks the provider to hold the order's total on the customer's payment method."""
    return {**payments.get_authorisation_request(session, _payment_of(session, run)), "user_id": run.input["user_id"]}


class ConfirmationRequest(TypedDict):
    """`is_last`: the customer's time is over."""

    hold: HoldRequest
    hold_key: str
    is_last: bool


def _ask_again(request: ConfirmationRequest, idempotency_key: str) -> Held:
    held = _hold(request["hold"], request["hold_key"])
    if held["state"] in UNDECIDED and request["is_last"]:
        raise PaymentDeclined("action_expired", "The payment was not confirmed in time.")
    if held["state"] not in (*UNDECIDED, "authorised", "captured"):
        raise PaymentDeclined(held["state"], "The payment provider does not hold the money any more.")
    return held


def _record_confirmation(session: Session, run: Run[CheckoutInput], held: Held) -> dict[str, str] | Suspend:
    payment_id = _payment_of(session, run)
    if held["state"] in UNDECIDED:
        if run.signals:
            return Suspend(run.now())  # one has come during the call
        payment = payments.get_payment(session, payment_id)
        expires_at = datetime.fromisoformat((payment.next_action or {})["expires_at"])
        waited = settings.action_deadline - (expires_at - run.now()).total_seconds()
        # A webhook wakes the run. In case it is lost, the provider is asked less and less often.
        later = run.now() + timedelta(seconds=min(max(waited, MIN_POLL), MAX_POLL))
        return Suspend(min(later, expires_at))
    payments.record_authorisation(session, payment_id, held["reference"])
    return {"payment_id": payment_id}


@service.external_step(call=_ask_again, record=_record_confirmation, on_refusal=_record_decline)
def await_customer(session: Session, run: Run[CheckoutInput]) -> ConfirmationRequest | None:
    """Waits until the customer has confirmed a payment that requires it, at most `SHOP_ACTION_DEADLINE`.

    Refuses if the customer has cancelled the order meanwhile.
    """
    if run.consume("cancelled"):
        raise Conflict("The customer has cancelled the order.", code="cancelled_by_customer")
    # Checkouts whose payment was authorised by the release before do not know its state.
    if (run.output(authorise) or {}).get("state", "requires_action") not in UNDECIDED:
        return None
    payment = payments.get_payment(session, _payment_of(session, run))
    if payment.status != "action_required":
        return None
    hold = payments.get_authorisation_request(session, payment.id)
    if user_id := (run.output(authorise) or {}).get("user_id"):
        hold["user_id"] = user_id
    expires_at = datetime.fromisoformat((payment.next_action or {})["expires_at"])
    return {"hold": hold, "hold_key": run.idempotency_key(authorise), "is_last": run.now() >= expires_at}


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
            reference = _hold(hold, request["hold_key"])["reference"]
    gateway, since = _provider_of(hold), datetime.fromisoformat(hold["since"])
    known = gateway.find(order_id=hold["order_id"], payment_id=hold.get("payment_id"), since=since, reference=reference)
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
