"""Stripe's adapter with the official SDK and the sandbox gateway."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import requests
import stripe

from local.waiting import wait_until
from models.core.errors import BadRequest, BadSignature, Conflict, GatewayDown, PaymentDeclined
from tasks.gateways.payments.provider import HAS_HELD, Authorisation, Capture, WebhookEvent
from tasks.gateways.payments.stripe import Stripe
from tasks.gateways.payments.stripe_client import KeySpent
from tests.servers import Server, unresponsive_port
from tests.tasks.gateways.payments.asking import SECRET, fault, ledger, made, new_key, request, stripe_at


def test_refunds_and_disputes_are_listed_as_they_stand(provider: Stripe, gateway: Server) -> None:
    reference = provider.authorise(request(method="pm_card_pendingRefund"), new_key()).reference
    provider.capture(reference=reference, amount=1999, idempotency_key=new_key())
    assert (provider.list_refunds(reference=reference), provider.list_disputes(reference=reference)) == ([], [])
    key = new_key()
    given = provider.refund(reference=reference, amount=5, idempotency_key=key)
    assert (given.state, given.attempt) == ("pending", key)
    url = f"{gateway.url}/sandbox/refunds/{given.reference}/end"
    requests.post(url, {"status": "failed"}, timeout=30).raise_for_status()
    (failed,) = provider.list_refunds(reference=reference)
    assert (failed.reference, failed.state, failed.reason) == (given.reference, "failed", "expired_or_canceled_card")
    requests.post(f"{gateway.url}/sandbox/payment_intents/{reference}/dispute", timeout=30).raise_for_status()
    (dispute,) = provider.list_disputes(reference=reference)
    assert (dispute.amount, dispute.state, dispute.reason) == (1999, "needs_response", "general")


def test_a_payment_is_authorised_captured_and_refunded(provider: Stripe) -> None:
    asked = request()
    reserved = provider.authorise(asked, new_key())
    assert reserved.state == "authorised"
    assert [payment.authorised for payment in made(provider, asked)] == [1999]
    taken = provider.capture(reference=reserved.reference, amount=1500, idempotency_key=new_key())
    assert taken == Capture(reserved.reference, 1500)
    back = provider.refund(reference=reserved.reference, amount=400, idempotency_key=new_key())
    assert (back.amount, back.state, back.payment_reference) == (400, "succeeded", reserved.reference)
    (payment,) = made(provider, asked)
    assert (payment.reference, payment.currency, payment.state) == (reserved.reference, "EUR", "captured")
    assert (payment.order_id, payment.payment_id) == (asked.order_id, asked.payment_id)
    assert (payment.amount, payment.authorised, payment.captured, payment.refunded) == (1999, 0, 1500, 400)
    assert datetime.now(UTC) - payment.created_at < timedelta(minutes=1)


def test_a_repeated_key_runs_once(provider: Stripe) -> None:
    key, asked = new_key(), request()
    assert provider.authorise(asked, key) == provider.authorise(asked, key)
    reference = provider.authorise(asked, key).reference
    refunded = new_key()
    provider.capture(reference=reference, amount=1999, idempotency_key=new_key())
    first, second = (provider.refund(reference=reference, amount=5, idempotency_key=refunded) for _ in range(2))
    assert first == second
    assert [payment.refunded for payment in made(provider, asked)] == [5]


@pytest.mark.parametrize(
    ("method", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
def test_a_refused_method_is_a_decline(provider: Stripe, method: str, decline_code: str) -> None:
    asked = request(method=method)
    with pytest.raises(PaymentDeclined) as caught:
        provider.authorise(asked, new_key())
    assert caught.value.extra["decline_code"] == decline_code
    assert caught.value.detail
    assert [(payment.state, payment.decline_code) for payment in made(provider, asked)] == [("declined", decline_code)]


def test_an_unknown_method_is_a_decline(provider: Stripe) -> None:
    asked = request(method="pm_card_nobodys")
    with pytest.raises(PaymentDeclined) as caught:
        provider.authorise(asked, new_key())
    assert caught.value.extra["decline_code"] == "resource_missing"
    assert made(provider, asked) == []


def test_void_and_capture_are_idempotent(provider: Stripe) -> None:
    asked = request()
    reference = provider.authorise(asked, new_key()).reference
    for _ in range(2):  # the gateway reports the earlier void
        provider.void(reference=reference)
    assert [payment.state for payment in made(provider, asked)] == ["voided"]
    with pytest.raises(Conflict):
        provider.capture(reference=reference, amount=1999, idempotency_key=new_key())
    reference = provider.authorise(request(), new_key()).reference
    for _ in range(2):
        provider.capture(reference=reference, amount=1999, idempotency_key=new_key())
    with pytest.raises(Conflict):
        provider.void(reference=reference)
    with pytest.raises(Conflict):
        provider.refund(reference=reference, amount=2000, idempotency_key=new_key())


def test_a_lapsed_authorisation_is_not_reported_as_voided(gateway: Server, provider: Stripe) -> None:
    asked = request()
    reference = provider.authorise(asked, new_key()).reference
    requests.post(f"{gateway.url}/sandbox/payment_intents/{reference}/lapse", timeout=30).raise_for_status()
    assert [payment.state for payment in made(provider, asked)] == ["lapsed"]


@pytest.mark.parametrize("kind", ["delay", "unavailable", "cut"])
def test_retries_with_one_key_after_a_fault_make_one_payment(gateway: Server, provider: Stripe, kind: str) -> None:
    key, asked = new_key(), request()
    fault(gateway, kind=kind, seconds=4 if kind == "delay" else 0)
    with pytest.raises(GatewayDown):
        provider.authorise(asked, key)
    if kind == "delay":
        with pytest.raises(GatewayDown, match="409"):  # the first request still holds the key
            provider.authorise(asked, key)
    reserved: list[Authorisation] = []

    def repeated() -> bool:
        with suppress(GatewayDown):
            reserved.append(provider.authorise(asked, key))
        return bool(reserved)

    assert wait_until(repeated, 30)
    assert [payment.reference for payment in made(provider, asked)] == [reserved[0].reference]


@pytest.mark.parametrize(("kind", "held"), [("error", 0), ("error_after", 1)])
def test_a_stored_failure_spends_its_key_and_its_payment_is_found(
    gateway: Server, provider: Stripe, kind: str, held: int
) -> None:
    key, asked = new_key(), request()
    fault(gateway, kind=kind)
    with pytest.raises(GatewayDown) as first:
        provider.attempt(asked, key)
    assert not isinstance(first.value, KeySpent)  # it is still unknown whether it was stored
    for _ in range(2):
        with pytest.raises(KeySpent):
            provider.attempt(asked, key)
    found = made(provider, asked)
    assert [(payment.state, payment.attempt) for payment in found] == [("authorised", key)] * held
    settled = provider.settle(asked, key)
    assert settled == (Authorisation(found[0].reference, "authorised") if held else None)
    assert provider.settle(asked, "another") is None


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("method", ["pm_sandbox_requiresAction", "pm_sandbox_processing"])
def test_an_undecided_payment_is_cancelled_before_it_is_declined(
    gateway: Server, provider: Stripe, method: str, away: bool
) -> None:
    key, asked = new_key(), request(method=method)
    if away:  # of the cancellation, which the next attempt repeats
        fault(gateway, kind="unavailable", path="/v1/payment_intents/")
        with pytest.raises(GatewayDown):
            provider.authorise(asked, key)
    for _ in range(2):
        with pytest.raises(PaymentDeclined) as caught:
            provider.authorise(asked, key)
        assert caught.value.extra["decline_code"] in ("requires_action", "processing")
    (payment,) = made(provider, asked)
    assert payment.state == "cancelled"
    assert payment.state not in HAS_HELD
    (booked,) = (intent for intent in ledger(gateway) if intent["id"] == payment.reference)
    assert booked["cancellation_reason"] == "abandoned"


@pytest.mark.parametrize("kind", ["error", "error_after"])
def test_failures_of_a_void_are_not_stored(gateway: Server, provider: Stripe, kind: str) -> None:
    asked = request()
    reference = provider.authorise(asked, new_key()).reference
    fault(gateway, kind=kind, path="/v1/payment_intents/")
    with pytest.raises(GatewayDown):
        provider.void(reference=reference)
    provider.void(reference=reference)
    assert [payment.state for payment in made(provider, asked)] == ["voided"]


def test_payments_of_one_order_are_told_apart(provider: Stripe) -> None:
    first = request()
    second = request(order_id=first.order_id)
    before = request(order_id=first.order_id, payment_id=None)  # from a release that named only the order
    references = [provider.authorise(asked, new_key()).reference for asked in (first, second, before)]
    assert [payment.reference for payment in made(provider, first)] == [references[2], references[0]]
    assert [payment.reference for payment in made(provider, second)] == [references[2], references[1]]
    assert [payment.reference for payment in made(provider, before)] == [references[2]]


def test_the_connect_timeout_is_shorter_than_the_response_timeout() -> None:
    with unresponsive_port() as port, pytest.raises(GatewayDown, match="connect timeout=2"):
        stripe_at(port, timeout=60).authorise(request(), new_key())


def test_a_refused_connection_is_gateway_down() -> None:
    unreachable = stripe_at(9)
    with pytest.raises(GatewayDown):
        unreachable.authorise(request(), new_key())
    with pytest.raises(GatewayDown):
        next(unreachable.list_since())
    with pytest.raises(GatewayDown):
        unreachable.next_action("pi_1")


def test_listing_reads_all_pages(provider: Stripe) -> None:
    asked = request()
    references = [provider.authorise(asked, new_key()).reference for _ in range(103)]
    found = [payment.reference for payment in provider.list_since() if payment.order_id == asked.order_id]
    assert found == references[::-1]
    assert not list(provider.list_since(datetime.now(UTC) + timedelta(hours=1)))


def test_webhooks_require_a_valid_signature(provider: Stripe) -> None:
    body = (
        '{"id": "evt_1", "object": "event", "type": "charge.refunded", "data": {"object": {"object": "charge",'
        ' "id": "ch_1", "payment_intent": "pi_1", "metadata": {"order_id": "ord_1", "payment_id": "pay_1"}}}}'
    )

    def verify(payload: bytes, signature: str, name: str = "Stripe-Signature") -> WebhookEvent:
        return provider.verify_webhook(payload, {name: signature})

    signed = stripe.WebhookSignature.generate_signature_header(body, SECRET)
    for name in ("Stripe-Signature", "stripe-signature"):
        event = verify(body.encode(), signed, name)
        assert event == WebhookEvent("evt_1", "charge.refunded", "pi_1", "ord_1", "pay_1")
    old = stripe.WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 400)
    changed, unreadable = body.encode() + b" ", b"\xff"
    for payload, signature in (
        (changed, signed),
        (unreadable, signed),
        *((body.encode(), bad) for bad in ("", "t=1", old)),
    ):
        with pytest.raises(BadSignature):
            verify(payload, signature)
    with pytest.raises(BadSignature):
        provider.verify_webhook(body.encode(), {})
    with pytest.raises(BadRequest):
        verify(b"{", stripe.WebhookSignature.generate_signature_header("{", SECRET))
