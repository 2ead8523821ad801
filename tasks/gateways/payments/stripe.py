"""Stripe as a payment provider: payment intents, refunds and signed webhooks, by its official SDK.

Every call that takes money takes an idempotency key: the same call with the same key is done once and gives the same
result, however often it is repeated.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import stripe

from models.core.errors import BadRequest, BadSignature, Conflict, GatewayDown, PaymentDeclined
from settings import Settings
from tasks.gateways.payments.provider import (
    Authorisation,
    AuthorisationRequest,
    Capture,
    Dispute,
    NextAction,
    ProviderPayment,
    Refund,
    RefundReason,
    WebhookEvent,
)
from tasks.gateways.payments.stripe_client import KeySpent, calling, is_replayed, make_client, message
from tasks.gateways.payments.stripe_intents import STATES, read_decline_code, read_payment
from tasks.gateways.payments.stripe_refunds import REPORTS, list_disputes, list_refunds, read_refund

UNEXPECTED_STATE = "payment_intent_unexpected_state"
ABANDONED = "abandoned"
UNDECIDED = ("requires_action", "requires_confirmation", "processing")
CLOCKS = timedelta(minutes=5)  # how far Stripe's clock may be behind the database's


class Stripe:
    """Stripe, as `settings` name its address, key and webhook secret."""

    can_list = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.holds_for = timedelta(days=settings.stripe_hold_days)

    @cached_property
    def _client(self) -> stripe.StripeClient:
        return make_client(self._settings)

    def authorise(self, request: AuthorisationRequest, idempotency_key: str) -> Authorisation:
        """See PaymentProvider.

        The keys `<key>`, `<key>:2`, `<key>:3` … are asked in this order, and the next one only when the one before is
        spent and has held nothing. A spent key can't hold anything any more, and a key whose answer is not known is
        asked again until it is. So whoever asks, an undo too, stops at the same key.
        """
        number, attempt = 1, idempotency_key
        while True:
            try:
                return self.attempt(request, attempt)
            except KeySpent:
                if made := self.settle(request, attempt):
                    return made
            number += 1
            attempt = f"{idempotency_key}:{number}"

    def attempt(self, request: AuthorisationRequest, idempotency_key: str) -> Authorisation:
        """One attempt to authorise, under just this key. Raises KeySpent when no repetition under it will tell."""
        with calling():
            try:
                intent = self._client.v1.payment_intents.create(
                    params=_params(request, idempotency_key),  # type: ignore[arg-type]
                    options={"idempotency_key": idempotency_key},
                )
            except stripe.InvalidRequestError as error:
                # What the customer chose: the method, the amount and the currency. Anything else is our bug.
                if error.param not in ("payment_method", "amount", "currency"):
                    raise
                raise PaymentDeclined(error.code or "invalid_request", message(error)) from error
            answered, response = intent.status, intent.last_response
            if intent.status in UNDECIDED and response and is_replayed(response.headers):
                # The answer is the first one, whatever the customer has done since.
                intent = self._client.v1.payment_intents.retrieve(intent.id)
        if made := self._conclude(intent, request):
            return made
        raise PaymentDeclined(answered, "The payment method needs a confirmation that can't be given here.")

    def settle(self, request: AuthorisationRequest, attempt: str) -> Authorisation | None:
        """What came of an attempt whose key is spent (KeySpent). None: nothing, and nothing will.

        Raises PaymentDeclined if the bank has said no.
        """
        for made in self._list(request.since - CLOCKS):
            about = made.metadata.to_dict()
            if (about.get("order_id"), about.get("attempt")) != (request.order_id, attempt):
                continue
            if concluded := self._conclude(made, request):
                return concluded
        return None

    def _conclude(self, made: stripe.PaymentIntent, request: AuthorisationRequest) -> Authorisation | None:
        """What came of a payment intent. None: nothing, and nothing will; one that is half done is cancelled.

        Raises PaymentDeclined if the bank has said no, or the customer has failed to confirm it.
        """
        if made.status in ("requires_capture", "succeeded") or _is_left_to_customer(made, request):
            return Authorisation(made.id, STATES[made.status])
        if made.status == "canceled" and made.cancellation_reason != ABANDONED:
            # Held and released since, by an undo. Whoever asks late gets that one and not a second one.
            return Authorisation(made.id, "voided")
        if made.status != "canceled":
            self._abandon(made.id)  # a customer with its secret could confirm it with another card
        if decline_code := read_decline_code(made):
            raise PaymentDeclined(decline_code, "The payment was declined.")
        return None

    def next_action(self, reference: str) -> NextAction | None:
        """See PaymentProvider."""
        with calling():
            try:
                intent = self._client.v1.payment_intents.retrieve(reference)
            except stripe.InvalidRequestError as error:
                raise Conflict(message(error)) from error
        if intent.status != "requires_action" or intent.next_action is None:
            return None
        redirect = intent.next_action.to_dict().get("redirect_to_url")
        return NextAction(redirect["url"], None) if redirect else NextAction(None, intent.client_secret)

    def capture(self, *, reference: str, amount: int, idempotency_key: str) -> Capture:
        """See PaymentProvider."""
        with calling():
            try:
                intent = self._client.v1.payment_intents.capture(
                    reference,
                    params={"amount_to_capture": amount},
                    options={"idempotency_key": idempotency_key},
                )
            except stripe.InvalidRequestError as error:
                if error.code == UNEXPECTED_STATE:
                    intent = self._client.v1.payment_intents.retrieve(reference)
                    if intent.status == "succeeded" and intent.amount_received == amount:
                        return Capture(reference, amount)
                raise Conflict(message(error)) from error
        return Capture(intent.id, intent.amount_received)

    def void(self, *, reference: str) -> None:
        """See PaymentProvider."""
        self._cancel(reference, "requested_by_customer")

    def refund(
        self, *, reference: str, amount: int, idempotency_key: str, reason: RefundReason = "requested_by_customer"
    ) -> Refund:
        """See PaymentProvider."""
        with calling():
            try:
                given = self._client.v1.refunds.create(
                    params={
                        "payment_intent": reference,
                        "amount": amount,
                        "reason": reason,
                        "metadata": {"attempt": idempotency_key},
                    },
                    options={"idempotency_key": idempotency_key},
                )
            except stripe.InvalidRequestError as error:
                raise Conflict(message(error)) from error
        return read_refund(given, reference)

    def list_refunds(self, *, reference: str) -> list[Refund]:
        """See PaymentProvider."""
        return list_refunds(self._client, reference)

    def list_disputes(self, *, reference: str) -> list[Dispute]:
        """See PaymentProvider."""
        return list_disputes(self._client, reference)

    def find(
        self, *, order_id: str, payment_id: str | None, since: datetime, reference: str | None = None
    ) -> list[ProviderPayment]:
        """See PaymentProvider. The reference is not needed."""
        # Stripe can search by metadata, but what it finds may be an hour old. Its lists are never behind.
        of_order = (made for made in self.list_since(since - CLOCKS) if made.order_id == order_id)
        return [made for made in of_order if made.payment_id in (None, payment_id)]

    def look_up(self, reference: str) -> ProviderPayment | None:
        """See PaymentProvider."""
        with calling():
            try:
                params: Any = {"expand": ["latest_charge"]}
                return read_payment(self._client.v1.payment_intents.retrieve(reference, params=params))
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":
                    raise
                return None

    def list_since(
        self, since: datetime | None = None, *, until: datetime | None = None, known: Iterable[str] = ()
    ) -> Iterator[ProviderPayment]:
        """See PaymentProvider. Stripe's list needs no references."""
        return map(read_payment, self._list(since, until))

    def verify_webhook(self, payload: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """See PaymentProvider. The signature is in the header Stripe-Signature."""
        signature = {name.lower(): value for name, value in headers.items()}.get("stripe-signature", "")
        try:
            event = stripe.Webhook.construct_event(payload, signature, self._settings.stripe_webhook_secret)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            detail = "The signature does not belong to this body, or is older than five minutes."
            raise BadSignature(detail) from None
        except (ValueError, AttributeError) as error:
            raise BadRequest(f"The event can't be read: {error}") from None
        try:
            thing = event.data.object.to_dict()
            reference = thing.get("id") if thing.get("object") == "payment_intent" else thing.get("payment_intent")
            about = thing.get("metadata") or {}
            whose = (about.get("order_id"), about.get("payment_id"))
            return WebhookEvent(event.id, event.type, reference, *whose, is_report=event.type.startswith(REPORTS))
        except (AttributeError, TypeError) as error:
            raise BadRequest("This is not an event of Stripe's.") from error

    def _list(self, since: datetime | None, until: datetime | None = None) -> Iterator[stripe.PaymentIntent]:
        bounds = {"gte": since, "lt": until}
        created = {name: int(bound.timestamp()) for name, bound in bounds.items() if bound}
        params: dict[str, Any] = {"limit": 100, "expand": ["data.latest_charge"]}
        if created:
            params["created"] = created
        with calling():
            yield from self._client.v1.payment_intents.list(params=params).auto_paging_iter()  # type: ignore[arg-type]

    def _cancel(self, reference: str, reason: Literal["requested_by_customer", "abandoned"]) -> None:
        # Without a key of ours: what is cancelled stays cancelled, and a failure stored under a key would block it.
        with calling():
            try:
                self._client.v1.payment_intents.cancel(reference, params={"cancellation_reason": reason})
            except stripe.InvalidRequestError as error:
                if error.code != UNEXPECTED_STATE:
                    raise Conflict(message(error)) from error
                if self._client.v1.payment_intents.retrieve(reference).status != "canceled":
                    raise Conflict(message(error)) from error

    def _abandon(self, reference: str) -> None:
        """Cancels a payment that nobody has decided, or raises GatewayDown: the next attempt settles it."""
        try:
            self._cancel(reference, "abandoned")
        except Conflict as error:
            raise GatewayDown(f"The payment is still under way at the gateway: {error.detail}") from error


def _params(request: AuthorisationRequest, attempt: str) -> dict[str, Any]:
    metadata = {
        "order_id": request.order_id, "payment_id": request.payment_id, "user_id": request.user_id, "attempt": attempt,
    }  # fmt: skip
    params: dict[str, Any] = {
        "amount": request.amount,
        "currency": request.currency.lower(),
        "payment_method": request.method,
        "allowed_payment_method_types": ["card"],
        "capture_method": "manual",
        "confirm": True,
        "metadata": {name: value for name, value in metadata.items() if value is not None},
    }
    if request.return_url is None:
        # The customer is not there any more to confirm anything: yes or no.
        return {**params, "off_session": True}
    return {**params, "return_url": request.return_url}


def _is_left_to_customer(intent: stripe.PaymentIntent, request: AuthorisationRequest) -> bool:
    return request.return_url is not None and intent.status in ("requires_action", "processing")
