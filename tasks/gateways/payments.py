"""The payment gateway, by Stripe's official SDK: authorise, capture, void, refund, and its signed webhooks.

Every call that moves money takes an idempotency key: the same call with the same key is done once and gives
the same result, however often it is repeated. Our engine repeats, so the SDK doesn't. Amounts are integers of
minor units. All of them raise GatewayDown when it is not known whether the call was done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import requests
import stripe

from models.errors import BadRequest, BadSignature, Conflict, GatewayDown, PaymentDeclined
from settings import settings

UNEXPECTED_STATE = "payment_intent_unexpected_state"
Reason = Literal["duplicate", "fraudulent", "requested_by_customer"]


@dataclass(frozen=True)
class Authorisation:
    reference: str
    status: str


@dataclass(frozen=True)
class Capture:
    reference: str
    amount: int


@dataclass(frozen=True)
class Void:
    reference: str


@dataclass(frozen=True)
class Refund:
    """`reference` is the refund's own; `status` is Stripe's: succeeded, pending or failed."""

    reference: str
    payment_reference: str
    amount: int
    status: str


@dataclass(frozen=True)
class Intent:
    """A payment as the gateway has it. `authorised` is what could still be captured."""

    reference: str
    order_id: str | None
    status: str
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

    Raises PaymentDeclined if the bank or the gateway won't have it; that answer is final for its key.
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
                    "metadata": {"order_id": order_id},
                },
                options={"idempotency_key": idempotency_key},
            )
        except stripe.InvalidRequestError as error:
            # What the customer chose: the method, the amount and the currency. Anything else is our bug.
            if error.param not in ("payment_method", "amount", "currency"):
                raise
            raise PaymentDeclined(error.code or "invalid_request", _message(error)) from error
    if intent.status != "requires_capture":
        raise PaymentDeclined(intent.status, "The payment method needs a confirmation that can't be given here.")
    return Authorisation(intent.id, intent.status)


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


def void(*, reference: str, idempotency_key: str) -> Void:
    """Releases the authorised amount. Voided already is success.

    Raises Conflict if the money was captured: then it takes a refund.
    """
    with _calling():
        try:
            _client().v1.payment_intents.cancel(reference, options={"idempotency_key": idempotency_key})
        except stripe.InvalidRequestError as error:
            if error.code != UNEXPECTED_STATE:
                raise Conflict(_message(error)) from error
            if _client().v1.payment_intents.retrieve(reference).status != "canceled":
                raise Conflict(_message(error)) from error
    return Void(reference)


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
                status=intent.status,
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


@cache
def _client() -> stripe.StripeClient:
    session = requests.Session()
    # A proxy that is set up for the outside world must not stand between us and our own sandbox.
    session.trust_env = bool(settings.stripe_api_base)
    return stripe.StripeClient(
        settings.stripe_api_key,
        base_addresses={"api": settings.stripe_base},
        http_client=stripe.RequestsClient(timeout=settings.gateway_timeout, session=session),
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
        raise GatewayDown(f"The payment gateway can't answer now ({error.http_status}): {_message(error)}") from error


def _message(error: stripe.StripeError) -> str:
    return error.user_message or type(error).__name__
