"""What the shop asks of a payment provider, in words that no provider owns.

Amounts are integers of minor units. Whatever calls a provider raises GatewayDown when it is not known whether the call
was done; the same call may be repeated then.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

LONGEST = 255
"""Characters of an id or a type in a webhook. Ids of providers are shorter."""

State = Literal[
    "requires_action", "processing", "authorised", "captured", "voided", "lapsed", "declined", "cancelled"
]  # fmt: skip
"""Where a payment stands at the provider:

- requires_action: the customer has to confirm it, processing: the bank has not decided. Either may come to hold money.
- authorised: money is held, captured: it is ours (a part of it may have been given back).
- voided: it was held and is released, lapsed: the provider itself has released what nobody captured in time.
- declined: the bank or the provider said no, cancelled: it was given up undecided. Neither has ever held money.
"""
MAY_HOLD: tuple[State, ...] = ("requires_action", "processing", "authorised", "captured")
"""The states in which a payment holds money or may come to."""
HAS_HELD: tuple[State, ...] = ("authorised", "captured", "voided", "lapsed")
"""The states of a payment to which the bank has said yes at some time."""

RefundState = Literal["pending", "succeeded", "failed"]
"""A refund that has succeeded may fail, even days later: the customer's bank sends the money back."""
DisputeState = Literal["inquiry", "needs_response", "under_review", "won", "lost"]
"""Where a dispute stands:

- inquiry: the bank asks, and has not taken the money; a refund ends it.
- needs_response: the bank has taken the money and waits for evidence, under_review: it has that and decides.
- won: the money is ours, lost: it is the customer's.
"""
RefundReason = Literal["duplicate", "fraudulent", "requested_by_customer"]


@dataclass(frozen=True)
class AuthorisationRequest:
    """What is to be held. `since` is a time before the provider was first asked for it.

    `payment_id`: None in requests that a release before has kept. `return_url`: where the provider sends the customer
    back to who had to confirm the payment; None: the customer is not there to confirm anything. `user_id`: the
    customer, to be found by whoever sees the payment at the provider.
    """

    order_id: str
    payment_id: str | None
    amount: int
    currency: str
    method: str
    since: datetime
    return_url: str | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class Authorisation:
    """`reference` is the payment's name at the provider."""

    reference: str
    state: State


@dataclass(frozen=True)
class Capture:
    reference: str
    amount: int


@dataclass(frozen=True)
class Refund:
    """`reference` is the refund's own. `attempt`: the idempotency key under which it was asked for, None for one that
    was not asked for by the shop. `reason`: why it has failed, where the provider says so."""

    reference: str
    payment_reference: str
    amount: int
    state: RefundState
    attempt: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Dispute:
    """`reason`: the provider's word for what the customer says is wrong. `respond_by`: until when the provider takes a
    response; None: it takes none."""

    reference: str
    amount: int
    state: DisputeState
    reason: str | None
    respond_by: datetime | None


@dataclass(frozen=True)
class ProviderPayment:
    """A payment as the provider has it. `authorised` is what could still be captured.

    `attempt` is the idempotency key under which it was asked for.
    """

    reference: str
    order_id: str | None
    payment_id: str | None
    attempt: str | None
    state: State
    decline_code: str | None
    currency: str
    amount: int
    authorised: int
    captured: int
    refunded: int
    created_at: datetime


@dataclass(frozen=True)
class NextAction:
    """What the customer must do to confirm a payment: go to `url`, or, where that is None, let the provider's own
    library in the browser go on with `client_secret` (3-D Secure inside the page)."""

    url: str | None
    client_secret: str | None


@dataclass(frozen=True)
class WebhookEvent:
    """`reference` is the payment's, None for an event that is about something else.

    `is_report`: whether it is about a refund or a dispute, so that the provider should be asked where they stand.
    Raises TypeError for anything but text of at most LONGEST characters, because the values come from a body that only
    its signature vouches for.
    """

    id: str
    type: str
    reference: str | None
    order_id: str | None
    payment_id: str | None
    is_report: bool = False

    def __post_init__(self) -> None:
        named = (value for value in (self.reference, self.order_id, self.payment_id) if value is not None)
        if not all(isinstance(value, str) and len(value) <= LONGEST for value in (self.id, self.type, *named)):
            raise TypeError("A value of the event is not text, or too long.")


class PaymentProvider(Protocol):
    """A payment provider. Beyond what is said of each call, all of them may raise GatewayDown."""

    holds_for: timedelta
    """The time after which the provider releases what was not captured."""

    can_list: bool
    """Whether the provider finds payments of which the shop does not know the reference."""

    def authorise(self, request: AuthorisationRequest, idempotency_key: str) -> Authorisation:
        """Reserves the amount on the customer's payment method, to be captured later.

        Under one key money is held at most once, however often and by whomever it is asked, and whatever became of the
        answers; a hold that was released since is the answer, too. Raises PaymentDeclined if the bank or the provider
        won't have it; that answer is final for its key. With a `return_url` the answer's state may be requires_action
        or processing; `find` tells what becomes of it. Without one, a payment that waits for somebody is cancelled and
        counts as declined: the customer could confirm it next week.
        """

    def next_action(self, reference: str) -> NextAction | None:
        """What the customer must do before a payment is authorised; None: nothing. Raises Conflict."""

    def capture(self, *, reference: str, amount: int, idempotency_key: str) -> Capture:
        """Takes the authorised amount, or a part of it; the rest is released. Captured already is success.

        Raises Conflict if the payment can't be captured (any more), or was captured with another amount.
        """

    def void(self, *, reference: str) -> None:
        """Releases the authorised amount, or gives up a payment that is undecided. Voided already is success.

        Raises Conflict if the money was captured: then it takes a refund.
        """

    def refund(
        self, *, reference: str, amount: int, idempotency_key: str, reason: RefundReason = "requested_by_customer"
    ) -> Refund:
        """Gives captured money back, in one or several parts.

        Raises Conflict if the payment was not captured or less than the amount is left of it.
        """

    def list_refunds(self, *, reference: str) -> list[Refund]:
        """The refunds of a payment as they stand now; none of a payment that the provider does not know."""

    def list_disputes(self, *, reference: str) -> list[Dispute]:
        """The disputes of a payment as they stand now; none of a payment that the provider does not know."""

    def find(
        self, *, order_id: str, payment_id: str | None, since: datetime, reference: str | None = None
    ) -> list[ProviderPayment]:
        """What the provider has of a payment, newest first: one for each attempt, and none is missing. `since`: a time
        before the first. Attempts whose payment the provider does not know count for the whole order.

        A provider that can't list finds only the attempt with this `reference`, or nothing without one: `authorise`
        under an attempt's key tells its reference.
        """

    def look_up(self, reference: str) -> ProviderPayment | None:
        """The payment with this reference; None if the provider does not know it."""

    def list_since(
        self, since: datetime | None = None, *, until: datetime | None = None, known: Iterable[str] = ()
    ) -> Iterator[ProviderPayment]:
        """Every payment that the provider knows, declined ones too, newest first; fetched page by page.

        They were created at `since` or later and before `until`, both in whole seconds. `known`: the references that
        the shop has. A provider that can't list asks for each of them, in that order, and has no others.
        """

    def verify_webhook(self, payload: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """The event that the provider posted: `payload` is the body as it came.

        Raises BadSignature unless the provider signed it (Stripe: within the last five minutes; PayPal does not
        re-sign what it resends), and BadRequest for what can't be read.
        """
