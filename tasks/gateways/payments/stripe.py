"""The payment gateway, by Stripe's official SDK: authorise, capture, void, refund, and its signed webhooks.

Every call that takes money takes an idempotency key: the same call with the same key is done once and gives
the same result, however often it is repeated. Our engine repeats, so the SDK doesn't. Amounts are integers of
minor units. All of them raise GatewayDown when it is not known whether the call was done, and KeySpent when no
repetition under the key will tell.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

import requests
import stripe

from models.core.errors import BadRequest, BadSignature, Conflict, GatewayDown, PaymentDeclined
from settings import settings

UNEXPECTED_STATE = "payment_intent_unexpected_state"
ABANDONED = "abandoned"
LAPSED = ("automatic", "expired")  # why Stripe itself cancels what nobody has captured
CONNECT_TIMEOUT = 2.0
CLOCKS = timedelta(minutes=5)  # how far the gateway's clock may be behind the database's
Reason = Literal["duplicate", "fraudulent", "requested_by_customer"]


class KeySpent(GatewayDown):
    """The gateway repeats a stored 5xx. Under this key it will do nothing more; what it has done, nobody knows."""


@dataclass(frozen=True)
class Authorisation:
    reference: str
    status: str


@dataclass(frozen=True)
class Capture:
    reference: str
    amount: int


@dataclass(frozen=True)
class Refund:
    """`reference` is the refund's own; `status` is Stripe's: succeeded, pending or failed."""

    reference: str
    payment_reference: str
    amount: int
    status: str


@dataclass(frozen=True)
class Intent:
    """A payment as the gateway has it. `authorised` is what could still be captured.

    `attempt` is the idempotency key that `authorise` was given. `was_held`: the bank has said yes to it at some time.
    """

    reference: str
    order_id: str | None
    attempt: str | None
    status: str
    decline_code: str | None
    cancellation_reason: str | None
    was_held: bool
    currency: str
    amount: int
    authorised: int
    captured: int
    refunded: int
    created_at: datetime


@dataclass(frozen=True)
class Event:
    """`reference` is the payment's, None for an event that is about something else."""

    id: str
    type: str
    reference: str | None
    metadata: dict[str, str]


def authorise(*, amount: int, currency: str, method: str, order_id: str, idempotency_key: str) -> Authorisation:
    """Reserves the amount on the customer's payment method, to be captured later.

    Raises PaymentDeclined if the bank or the gateway won't have it; that answer is final for its key. A payment
    that waits for somebody to confirm it is cancelled first: the customer could confirm it next week.
    """
    with _calling():
        try:
            intent = _client().v1.payment_intents.create(
                params={
                    "amount": amount,
                    "currency": currency.lower(),
                    "payment_method": method,
                    "allowed_payment_method_types": ["card"],
                    "capture_method": "manual",
                    "confirm": True,
                    # The customer is not there any more to confirm anything: yes or no.
                    "off_session": True,
                    "metadata": {"order_id": order_id, "attempt": idempotency_key},
                },
                options={"idempotency_key": idempotency_key},
            )
        except stripe.InvalidRequestError as error:
            # What the customer chose: the method, the amount and the currency. Anything else is our bug.
            if error.param not in ("payment_method", "amount", "currency"):
                raise
            raise PaymentDeclined(error.code or "invalid_request", _message(error)) from error
    if intent.status != "requires_capture":
        _abandon(intent.id)
        raise PaymentDeclined(intent.status, "The payment method needs a confirmation that can't be given here.")
    return Authorisation(intent.id, intent.status)


def settle(*, order_id: str, since: datetime, attempt: str) -> Authorisation | None:
    """What came of an `authorise` whose key is spent (KeySpent). None: nothing, and nothing will.

    `attempt` is that key, `since` a time before it was first used. Raises PaymentDeclined if the bank has said no.
    """
    for made in find(order_id=order_id, since=since, attempt=attempt):
        if made.status in ("requires_capture", "succeeded"):
            return Authorisation(made.reference, made.status)
        if made.status == "canceled" and made.cancellation_reason != ABANDONED:
            # Held and released since, by an undo. Whoever asks late gets that one and not a second one.
            return Authorisation(made.reference, made.status)
        if made.decline_code:
            raise PaymentDeclined(made.decline_code, "The payment was declined.")
        if made.status != "canceled":
            _abandon(made.reference)  # half done
    return None


def find(*, order_id: str, since: datetime, attempt: str | None = None) -> list[Intent]:
    """The order's payments at the gateway, newest first, or those of one attempt. `since`: a time before the first."""
    # Stripe can search by metadata, but what it finds may be an hour old. Its lists are never behind.
    of_order = (intent for intent in intents(since - CLOCKS) if intent.order_id == order_id)
    return [intent for intent in of_order if attempt in (None, intent.attempt)]


def capture(*, reference: str, amount: int, idempotency_key: str) -> Capture:
    """Takes the authorised amount, or a part of it; the rest is released. Captured already is success.

    Raises Conflict if the payment can't be captured (any more), or was captured with another amount.
    """
    with _calling():
        try:
            intent = _client().v1.payment_intents.capture(
                reference,
                params={"amount_to_capture": amount},
                options={"idempotency_key": idempotency_key},
            )
        except stripe.InvalidRequestError as error:
            if error.code == UNEXPECTED_STATE:
                intent = _client().v1.payment_intents.retrieve(reference)
                if intent.status == "succeeded" and intent.amount_received == amount:
                    return Capture(reference, amount)
            raise Conflict(_message(error)) from error
    return Capture(intent.id, intent.amount_received)


def void(*, reference: str) -> None:
    """Releases the authorised amount. Voided already is success.

    Raises Conflict if the money was captured: then it takes a refund.
    """
    _cancel(reference, "requested_by_customer")


def refund(*, reference: str, amount: int, idempotency_key: str, reason: Reason = "requested_by_customer") -> Refund:
    """Gives captured money back, in one or several parts.

    Raises Conflict if the payment was not captured or less than the amount is left of it.
    """
    with _calling():
        try:
            given = _client().v1.refunds.create(
                params={"payment_intent": reference, "amount": amount, "reason": reason},
                options={"idempotency_key": idempotency_key},
            )
        except stripe.InvalidRequestError as error:
            raise Conflict(_message(error)) from error
    return Refund(given.id, reference, given.amount, given.status or "pending")


def intents(since: datetime | None = None) -> Iterator[Intent]:
    """Every payment that the gateway knows, declined ones too, newest first; fetched page by page."""
    params: dict[str, Any] = {"limit": 100, "expand": ["data.latest_charge"]}
    if since:
        params["created"] = {"gte": int(since.timestamp())}
    with _calling():
        page = _client().v1.payment_intents.list(params=params)  # type: ignore[arg-type]
        for intent in page.auto_paging_iter():
            charge = intent.latest_charge
            yield Intent(
                reference=intent.id,
                order_id=intent.metadata.to_dict().get("order_id"),
                attempt=intent.metadata.to_dict().get("attempt"),
                status=intent.status,
                decline_code=_decline_code(intent),
                cancellation_reason=intent.cancellation_reason,
                was_held=isinstance(charge, stripe.Charge) and charge.status == "succeeded",
                currency=intent.currency.upper(),
                amount=intent.amount,
                authorised=intent.amount_capturable,
                captured=intent.amount_received,
                refunded=charge.amount_refunded if isinstance(charge, stripe.Charge) else 0,
                created_at=datetime.fromtimestamp(intent.created, UTC),
            )


def parse_webhook(payload: bytes, signature: str) -> Event:
    """The event that the gateway posted: `payload` is the body as it came, `signature` its Stripe-Signature.

    Raises BadSignature unless the gateway signed it within the last five minutes.
    """
    try:
        event = stripe.Webhook.construct_event(payload, signature, settings.stripe_webhook_secret)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        raise BadSignature("The signature does not belong to this body, or is older than five minutes.") from None
    except ValueError as error:
        raise BadRequest(f"The event can't be read: {error}") from None
    thing = event.data.object.to_dict()
    reference = thing.get("id") if thing.get("object") == "payment_intent" else thing.get("payment_intent")
    return Event(event.id, event.type, reference, dict(thing.get("metadata") or {}))


def _cancel(reference: str, reason: Literal["requested_by_customer", "abandoned"]) -> None:
    # Without a key of ours: what is cancelled stays cancelled, and a failure stored under a key would block it.
    with _calling():
        try:
            _client().v1.payment_intents.cancel(reference, params={"cancellation_reason": reason})
        except stripe.InvalidRequestError as error:
            if error.code != UNEXPECTED_STATE:
                raise Conflict(_message(error)) from error
            if _client().v1.payment_intents.retrieve(reference).status != "canceled":
                raise Conflict(_message(error)) from error


def _abandon(reference: str) -> None:
    """Cancels a payment that nobody has decided, or raises GatewayDown: the next attempt settles it."""
    try:
        _cancel(reference, "abandoned")
    except Conflict as error:
        raise GatewayDown(f"The payment is still under way at the gateway: {error.detail}") from error


def _decline_code(intent: stripe.PaymentIntent) -> str | None:
    error = intent.last_payment_error
    return (error.decline_code or error.code or "card_declined") if error else None


@cache
def _client() -> stripe.StripeClient:
    session = requests.Session()
    # A proxy that is set up for the outside world must not stand between us and our own sandbox.
    session.trust_env = bool(settings.stripe_api_base)
    return stripe.StripeClient(
        settings.stripe_api_key,
        base_addresses={"api": settings.stripe_base},
        http_client=stripe.RequestsClient(timeout=(CONNECT_TIMEOUT, settings.gateway_timeout), session=session),
        max_network_retries=0,
    )


@contextmanager
def _calling() -> Iterator[None]:
    """Turns the SDK's errors into ours. What is left (a wrong key, a wrong parameter) is a bug or a setting."""
    try:
        yield
    except stripe.CardError as error:
        body = error.json_body if isinstance(error.json_body, dict) else {}
        decline_code = body.get("error", {}).get("decline_code") or error.code or "card_declined"
        raise PaymentDeclined(decline_code, _message(error)) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise GatewayDown(f"The payment gateway does not answer: {_message(error)}") from error
    except stripe.APIError as error:
        # 5xx, an answer that is not JSON, and 409: the same key is under way in another request.
        kind = KeySpent if _is_stored(error) else GatewayDown
        raise kind(f"The payment gateway can't answer now ({error.http_status}): {_message(error)}") from error


def _is_stored(error: stripe.APIError) -> bool:
    # The first 5xx does not say whether it was stored, or whether the request still waits at another machine of the
    # gateway's. Its repetition does (docs.stripe.com/error-low-level#idempotency).
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return (error.http_status or 0) >= 500 and headers.get("idempotent-replayed") == "true"


def _message(error: stripe.StripeError) -> str:
    return error.user_message or type(error).__name__
