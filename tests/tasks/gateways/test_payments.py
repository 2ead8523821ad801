"""The payment adapter against the real sandbox gateway, by the official SDK."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
import stripe

from local.waiting import wait_until
from models.core.errors import BadRequest, BadSignature, Conflict, GatewayDown, PaymentDeclined
from settings import Settings
from tasks.gateways.payments import stripe as payments
from tests.servers import Server, deaf

SECRET = "whsec_" + "y" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # The discard port: nobody takes the webhooks.
    started = Server("sandbox.gateway", tmp_path_factory.mktemp("gateway"), "--webhook-url", "http://127.0.0.1:9/")
    yield started
    assert started.stop() == 0


@pytest.fixture
def gateway(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    use(monkeypatch, gateway_port=server.ports["http"])
    yield server
    requests.delete(server.url + "/sandbox/faults", timeout=5).raise_for_status()
    payments._client.cache_clear()


def use(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    changed = Settings(**{"gateway_timeout": 0.5, "stripe_webhook_secret": SECRET, **changes})
    monkeypatch.setattr(payments, "settings", changed)
    payments._client.cache_clear()


def fault(server: Server, **fault: Any) -> None:
    requests.post(server.url + "/sandbox/faults", json=fault, timeout=5).raise_for_status()


def new_key() -> str:
    return uuid4().hex


def authorise(method: str = "pm_card_visa", key: str | None = None, **changes: Any) -> payments.Authorisation:
    asked: dict[str, Any] = {"amount": 1999, "currency": "EUR", "order_id": "ord_1", **changes}
    return payments.authorise(method=method, idempotency_key=key or new_key(), **asked)


def find(reference: str) -> payments.Intent:
    return next(intent for intent in payments.intents() if intent.reference == reference)


@pytest.mark.usefixtures("gateway")
def test_authorised_captured_and_refunded() -> None:
    reserved = authorise(order_id="ord_7")
    assert reserved.status == "requires_capture"
    assert find(reserved.reference).authorised == 1999
    taken = payments.capture(reference=reserved.reference, amount=1500, idempotency_key=new_key())
    assert taken.amount == 1500
    back = payments.refund(reference=reserved.reference, amount=400, idempotency_key=new_key())
    assert (back.amount, back.status, back.payment_reference) == (400, "succeeded", reserved.reference)
    intent = find(reserved.reference)
    assert (intent.order_id, intent.currency, intent.status) == ("ord_7", "EUR", "succeeded")
    assert (intent.amount, intent.authorised, intent.captured, intent.refunded) == (1999, 0, 1500, 400)
    assert datetime.now(UTC) - intent.created_at < timedelta(minutes=1)


@pytest.mark.usefixtures("gateway")
def test_same_key_is_done_once() -> None:
    key = new_key()
    assert authorise(key=key) == authorise(key=key)
    reference = authorise(key=key).reference
    refunded = new_key()
    payments.capture(reference=reference, amount=1999, idempotency_key=new_key())
    first, second = (payments.refund(reference=reference, amount=5, idempotency_key=refunded) for _ in range(2))
    assert first == second
    assert find(reference).refunded == 5


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("method", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required"),
        ("pm_card_nobodys", "resource_missing"),
    ],
)
def test_refused_method_is_a_decline(method: str, decline_code: str) -> None:
    with pytest.raises(PaymentDeclined) as caught:
        authorise(method)
    assert caught.value.extra["decline_code"] == decline_code
    assert caught.value.detail


@pytest.mark.usefixtures("gateway")
def test_void_and_capture_find_out_what_is_done_already() -> None:
    reference = authorise().reference
    for _ in range(2):  # the gateway itself says that it was voided before
        payments.void(reference=reference)
    assert find(reference).status == "canceled"
    with pytest.raises(Conflict):
        payments.capture(reference=reference, amount=1999, idempotency_key=new_key())
    reference = authorise().reference
    for _ in range(2):
        payments.capture(reference=reference, amount=1999, idempotency_key=new_key())
    with pytest.raises(Conflict):
        payments.void(reference=reference)
    with pytest.raises(Conflict):
        payments.refund(reference=reference, amount=2000, idempotency_key=new_key())


@pytest.mark.parametrize("kind", ["delay", "unavailable", "cut"])
def test_after_each_fault_the_same_key_leads_to_one_payment(gateway: Server, kind: str) -> None:
    key, order = new_key(), f"ord_{new_key()}"
    fault(gateway, kind=kind, seconds=0.8 if kind == "delay" else 0)
    with pytest.raises(GatewayDown):
        authorise(key=key, order_id=order)
    if kind == "delay":
        with pytest.raises(GatewayDown, match="409"):  # the first one still holds the key
            authorise(key=key, order_id=order)
    reserved: list[payments.Authorisation] = []

    def repeated() -> bool:
        with suppress(GatewayDown):
            reserved.append(authorise(key=key, order_id=order))
        return bool(reserved)

    assert wait_until(repeated, 5)
    assert [intent.reference for intent in payments.intents() if intent.order_id == order] == [reserved[0].reference]


@pytest.mark.parametrize(("kind", "made"), [("error", 0), ("error_after", 1)])
def test_a_stored_failure_spends_its_key_and_what_it_made_is_found(gateway: Server, kind: str, made: int) -> None:
    key, order, since = new_key(), f"ord_{new_key()}", datetime.now(UTC)
    fault(gateway, kind=kind)
    with pytest.raises(GatewayDown) as first:
        authorise(key=key, order_id=order)
    assert not isinstance(first.value, payments.KeySpent)  # not known yet whether it was stored
    for _ in range(2):
        with pytest.raises(payments.KeySpent):
            authorise(key=key, order_id=order)
    found = payments.find(order_id=order, since=since, attempt=key)
    assert [(intent.status, intent.was_held) for intent in found] == [("requires_capture", True)] * made
    settled = payments.settle(order_id=order, since=since, attempt=key)
    assert (settled and settled.reference) == (found[0].reference if found else None)
    assert payments.settle(order_id=order, since=since, attempt="another") is None


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("method", ["pm_sandbox_requiresAction", "pm_sandbox_processing"])
def test_a_payment_that_nobody_decides_is_cancelled_before_it_is_refused(
    gateway: Server, method: str, away: bool
) -> None:
    key, order = new_key(), f"ord_{new_key()}"
    if away:  # for the cancellation; its repetition comes with the attempt's
        fault(gateway, kind="unavailable", path="/v1/payment_intents/")
        with pytest.raises(GatewayDown):
            authorise(method, key, order_id=order)
    for _ in range(2):
        with pytest.raises(PaymentDeclined) as caught:
            authorise(method, key, order_id=order)
        assert caught.value.extra["decline_code"] in ("requires_action", "processing")
    (made,) = (intent for intent in payments.intents() if intent.order_id == order)
    assert (made.status, made.cancellation_reason, made.was_held) == ("canceled", "abandoned", False)


@pytest.mark.parametrize("kind", ["error", "error_after"])
def test_a_failure_is_never_stored_for_a_void(gateway: Server, kind: str) -> None:
    reference = authorise().reference
    fault(gateway, kind=kind, path="/v1/payment_intents/")
    with pytest.raises(GatewayDown):
        payments.void(reference=reference)
    payments.void(reference=reference)
    assert find(reference).status == "canceled"


def test_a_connection_is_not_waited_for_as_long_as_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with deaf() as port:
        use(monkeypatch, gateway_port=port, gateway_timeout=60)
        with pytest.raises(GatewayDown, match="connect timeout=2"):
            authorise()
    payments._client.cache_clear()


def test_nobody_there_is_gateway_down(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, gateway_port=9)
    with pytest.raises(GatewayDown):
        authorise()
    with pytest.raises(GatewayDown):
        next(payments.intents())
    payments._client.cache_clear()


@pytest.mark.usefixtures("gateway")
def test_intents_pages_through_everything() -> None:
    order = f"ord_{new_key()}"
    made = [authorise(order_id=order).reference for _ in range(103)]
    found = [intent.reference for intent in payments.intents() if intent.order_id == order]
    assert found == made[::-1]
    assert not list(payments.intents(since=datetime.now(UTC) + timedelta(hours=1)))


@pytest.mark.usefixtures("gateway")
def test_webhook_is_believed_only_if_signed() -> None:
    body = (
        '{"id": "evt_1", "object": "event", "type": "charge.refunded", "data": {"object": {"object": "charge",'
        ' "id": "ch_1", "payment_intent": "pi_1", "metadata": {"order_id": "ord_1"}}}}'
    )
    signed = stripe.WebhookSignature.generate_signature_header(body, SECRET)
    event = payments.parse_webhook(body.encode(), signed)
    assert event == payments.Event("evt_1", "charge.refunded", "pi_1", {"order_id": "ord_1"})
    old = stripe.WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 400)
    changed, unreadable = body.encode() + b" ", b"\xff"
    for payload, signature in (
        (changed, signed),
        (unreadable, signed),
        *((body.encode(), bad) for bad in ("", "t=1", old)),
    ):
        with pytest.raises(BadSignature):
            payments.parse_webhook(payload, signature)
    with pytest.raises(BadRequest):
        payments.parse_webhook(b"{", stripe.WebhookSignature.generate_signature_header("{", SECRET))
