"""PayPal's adapter against the real sandbox PayPal."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from local.waiting import wait_until
from models.core.errors import BadRequest, BadSignature, Conflict, GatewayDown, PaymentDeclined
from tasks.gateways.payments import provider
from tasks.gateways.payments.paypal import PayPal
from tasks.gateways.payments.paypal_client import PayPalError
from tasks.gateways.payments.paypal_orders import NotAnAmount, from_money, to_money
from tasks.gateways.payments.provider import Authorisation, Capture, WebhookEvent
from tests.servers import Receiver, Server, unresponsive_port
from tests.tasks.gateways.payments.asking import fault, ledger, new_key
from tests.tasks.gateways.payments.paypal_asking import BACK, age, approve, ask, held, look, ordered, paypal_at, repeat

AUTHORISE, CAPTURE, VOID, REFUND = "/authorize$", "/capture$", "/void$", "/refund$"


def test_approved_authorised_captured_and_refunded(paypal: PayPal) -> None:
    asked, key, reference = ordered(paypal)
    assert paypal.authorise(asked, key).state == "requires_action"  # not approved yet
    assert approve(paypal, reference).startswith(f"{BACK}&token={reference}&")
    for _ in range(2):
        made = paypal.authorise(asked, key)
        assert (made.reference, made.state) == (reference, "authorised")
    assert paypal.next_action(reference) is None
    (found,) = paypal.find(order_id=asked.order_id, payment_id=asked.payment_id, since=asked.since, reference=reference)
    assert (found.order_id, found.payment_id, found.attempt) == (asked.order_id, asked.payment_id, key)
    assert (found.state, found.amount, found.authorised, found.currency) == ("authorised", 1999, 1999, "EUR")
    assert datetime.now(UTC) - found.created_at < timedelta(minutes=1)
    taken = paypal.capture(reference=reference, amount=1500, idempotency_key=new_key())
    assert taken == Capture(reference, 1500)
    first = new_key()
    for refund_key, amount in ((first, 400), (new_key(), 100), (first, 400)):
        back = paypal.refund(reference=reference, amount=amount, idempotency_key=refund_key)
        assert (back.amount, back.state, back.payment_reference) == (amount, "succeeded", reference)
    found = look(paypal, reference)
    assert (found.state, found.authorised, found.captured, found.refunded) == ("captured", 0, 1500, 500)


@pytest.mark.parametrize(("outcome", "state"), [("RESOLVED_SELLER_FAVOUR", "won"), ("RESOLVED_BUYER_FAVOUR", "lost")])
def test_refunds_and_disputes_are_listed_as_they_stand(
    paypal: PayPal, sandbox: Server, receiver: Receiver, outcome: str, state: str
) -> None:
    asked, _, reference = held(paypal)
    paypal.capture(reference=reference, amount=1999, idempotency_key=new_key())
    assert (paypal.list_refunds(reference=reference), paypal.list_disputes(reference=reference)) == ([], [])
    key = new_key()
    given = paypal.refund(reference=reference, amount=5, idempotency_key=key)
    assert paypal.list_refunds(reference=reference) == [given]
    assert (given.state, given.attempt) == ("succeeded", key)
    dispute = f"{sandbox.url}/sandbox/orders/{reference}/dispute"
    requests.post(dispute, json={}, timeout=30).raise_for_status()
    assert [one.state for one in paypal.list_disputes(reference=reference)] == ["needs_response"]
    requests.post(dispute, json={"outcome": outcome}, timeout=30).raise_for_status()
    (decided,) = paypal.list_disputes(reference=reference)
    assert (decided.amount, decided.state, decided.reason) == (1999, state, "UNAUTHORISED")
    about = str(asked.payment_id).encode()
    assert wait_until(lambda: any(b"DISPUTE.RESOLVED" in body and about in body for _, body in receiver.got), 30)
    body, headers = next(
        (body, headers)
        for (_, body), headers in zip(receiver.got, receiver.headers, strict=True)
        if b"DISPUTE.RESOLVED" in body and about in body
    )
    event = paypal.verify_webhook(body, headers)
    assert (event.is_report, event.reference, event.payment_id) == (True, None, asked.payment_id)


def test_yen_have_no_decimals_and_a_fraction_that_paypal_has_not_is_declined(paypal: PayPal, sandbox: Server) -> None:
    _, _, reference = held(paypal, amount=1099, currency="JPY")
    assert paypal.capture(reference=reference, amount=1000, idempotency_key=new_key()).amount == 1000
    (booked,) = (order for order in ledger(sandbox) if order["id"] == reference)
    assert (booked["value"], booked["captured"]) == ("1099", 1000)
    with pytest.raises(PaymentDeclined, match="whole amounts of HUF"):
        paypal.authorise(ask(amount=150050, currency="HUF"), new_key())
    with pytest.raises(PaymentDeclined) as caught:
        paypal.authorise(ask(currency="XAU"), new_key())
    assert caught.value.extra["decline_code"] == "invalid_currency_code"
    _, _, reference = held(paypal, amount=150000, currency="HUF")
    with pytest.raises(Conflict):
        paypal.capture(reference=reference, amount=150, idempotency_key=new_key())


@pytest.mark.parametrize(("amount", "currency", "value"), [(5, "EUR", "0.05"), (5, "JPY", "5"), (500, "TWD", "5")])
def test_amounts_are_minor_units(amount: int, currency: str, value: str) -> None:
    assert to_money(amount, currency) == {"currency_code": currency, "value": value}
    assert from_money(to_money(amount, currency)) == amount
    with pytest.raises(NotAnAmount):
        to_money(501, "TWD")


FAULTS = pytest.mark.parametrize("kind", ["late", "cut", "500", "500_after", "429"])


@FAULTS
@pytest.mark.parametrize("path", ["POST /v2/checkout/orders$", AUTHORISE])
def test_an_unknown_outcome_is_settled_by_the_same_key(paypal: PayPal, sandbox: Server, kind: str, path: str) -> None:
    asked, key = ask(), new_key()
    if path == AUTHORISE:
        approve(paypal, paypal.authorise(asked, key).reference)
    fault(sandbox, kind=kind, path=path, seconds=4 if kind == "late" else 0)
    with pytest.raises(GatewayDown):
        paypal.authorise(asked, key)
    made = repeat(lambda: paypal.authorise(asked, key))
    assert made.state == ("authorised" if path == AUTHORISE else "requires_action")
    booked = [order for order in ledger(sandbox) if order["reference_id"] == key]
    assert [order["id"] for order in booked] == [made.reference]
    done = [operation["kind"] for operation in booked[0]["operations"]]
    assert done == (["approve", "authorise"] if path == AUTHORISE else [])


@FAULTS
@pytest.mark.parametrize("path", [CAPTURE, VOID, REFUND])
def test_captures_voids_and_refunds_are_done_once(paypal: PayPal, sandbox: Server, kind: str, path: str) -> None:
    (_, _, reference), key = held(paypal), new_key()
    work: dict[str, Callable[[], object]] = {
        CAPTURE: lambda: paypal.capture(reference=reference, amount=1999, idempotency_key=key),
        VOID: lambda: paypal.void(reference=reference),
        REFUND: lambda: paypal.refund(reference=reference, amount=300, idempotency_key=key),
    }
    if path == REFUND:
        work[CAPTURE]()
    fault(sandbox, kind=kind, path=path, seconds=4 if kind == "late" else 0)
    with pytest.raises(GatewayDown):
        work[path]()
    assert repeat(work[path]) == work[path]()
    found = look(paypal, reference)
    expected = {CAPTURE: ("captured", 1999, 0), VOID: ("voided", 0, 0), REFUND: ("captured", 1999, 300)}[path]
    assert (found.state, found.captured, found.refunded) == expected


def test_a_decline_is_final_for_its_key(paypal: PayPal, sandbox: Server) -> None:
    asked, key, reference = ordered(paypal)
    approve(paypal, reference, funding="declined")
    fault(sandbox, kind="500", path="PATCH")  # the decline is not noted at once
    with pytest.raises(GatewayDown):
        paypal.authorise(asked, key)
    for _ in range(2):
        with pytest.raises(PaymentDeclined) as caught:
            paypal.authorise(asked, key)
        assert caught.value.extra["decline_code"] == "instrument_declined"
    assert (look(paypal, reference).state, look(paypal, reference).decline_code) == ("declined", "instrument_declined")
    assert paypal.next_action(reference) is None
    paypal.void(reference=reference)  # there is nothing to release


def custom_id(sandbox: Server, reference: str) -> str:
    (found,) = [made for made in ledger(sandbox) if made["id"] == reference]
    return str(found["custom_id"])


def test_whoever_sees_a_payment_at_paypal_finds_the_customer(paypal: PayPal, sandbox: Server) -> None:
    user = f"usr_{new_key()}"
    asked, key, reference = ordered(paypal, user_id=user)
    whole = f"{asked.order_id}/{asked.payment_id}/{user}"
    assert custom_id(sandbox, reference) == whole
    assert (look(paypal, reference).order_id, look(paypal, reference).payment_id) == (asked.order_id, asked.payment_id)
    paypal.void(reference=reference)
    assert custom_id(sandbox, reference) == f"{whole}/cancelled"
    assert look(paypal, reference).state == "cancelled"
    declined, key, reference = ordered(paypal, user_id=user)
    approve(paypal, reference, funding="declined")
    with pytest.raises(PaymentDeclined):
        paypal.authorise(declined, key)
    # A long mark takes the user's place: PayPal takes 127 characters.
    assert custom_id(sandbox, reference) == f"{declined.order_id}/{declined.payment_id}/declined:instrument_declined"
    assert look(paypal, reference).decline_code == "instrument_declined"


def test_an_order_that_a_release_before_has_made_without_the_customer_goes_on(paypal: PayPal, sandbox: Server) -> None:
    asked, key, reference = ordered(paypal)
    approve(paypal, reference)
    named = replace(asked, user_id=f"usr_{new_key()}")
    assert paypal.authorise(named, key) == Authorisation(reference, "authorised")
    assert custom_id(sandbox, reference) == f"{asked.order_id}/{asked.payment_id}"


def test_a_customer_who_cancels_leaves_it_waiting_until_it_is_given_up(paypal: PayPal) -> None:
    asked, key, reference = ordered(paypal)
    assert approve(paypal, reference, "failed") == f"{BACK}&cancelled=true&token={reference}"
    assert paypal.authorise(asked, key).state == "requires_action"
    for _ in range(2):
        paypal.void(reference=reference)
    assert look(paypal, reference).state == "cancelled"
    assert paypal.next_action(reference) is None
    with pytest.raises(PaymentDeclined):
        paypal.authorise(asked, key)
    assert look(paypal, reference).state == "cancelled"


def test_what_is_given_up_while_it_is_authorised_is_released(paypal: PayPal, sandbox: Server) -> None:
    asked, key, reference = ordered(paypal)
    approve(paypal, reference)
    fault(sandbox, kind="500", path=AUTHORISE)
    with pytest.raises(GatewayDown):  # it has read that the order is approved
        paypal.authorise(asked, key)
    order = paypal._order(reference)
    paypal.void(reference=reference)
    assert paypal._authorise(order, key).state == "voided"  # its request was on its way until now
    assert look(paypal, reference).state == "voided"
    assert paypal.authorise(asked, key).state == "voided"


def test_a_customer_who_is_not_there_is_declined(paypal: PayPal) -> None:
    with pytest.raises(PaymentDeclined) as caught:
        paypal.authorise(ask(return_url=None), new_key())
    assert caught.value.extra["decline_code"] == "payer_action_required"


def test_a_payment_is_authorised_once_even_under_another_key(paypal: PayPal) -> None:
    asked, _, _ = held(paypal)
    other = new_key()
    approve(paypal, paypal.authorise(asked, other).reference)
    with pytest.raises(PaymentDeclined) as caught:
        paypal.authorise(asked, other)
    assert caught.value.extra["decline_code"] == "duplicate_invoice_id"


def test_an_order_that_nobody_approves_expires_and_a_forgotten_key_asks_again(paypal: PayPal, sandbox: Server) -> None:
    asked, key, reference = ordered(paypal)
    age(sandbox, reference, 4)
    with pytest.raises(PaymentDeclined) as caught:
        paypal.authorise(asked, key)
    assert caught.value.extra["decline_code"] == "order_expired"
    paypal.void(reference=reference)
    assert list(paypal.list_since(known=[reference])) == []
    fresh = replace(asked, order_id=f"ord_{new_key()}", payment_id=f"pay_{new_key()}")
    first = paypal.authorise(fresh, fresh.order_id).reference
    age(sandbox, first, 7)
    assert paypal.authorise(fresh, fresh.order_id).reference != first


def test_an_authorisation_lapses_after_29_days_and_may_be_refused_after_3(paypal: PayPal, sandbox: Server) -> None:
    _, _, reference = held(paypal, funding="drained")
    age(sandbox, reference, 4 * 24)
    with pytest.raises(Conflict):
        paypal.capture(reference=reference, amount=1999, idempotency_key=new_key())
    assert look(paypal, reference).state == "authorised"
    age(sandbox, reference, 26 * 24)
    assert look(paypal, reference).state == "lapsed"
    paypal.void(reference=reference)
    with pytest.raises(Conflict):
        paypal.capture(reference=reference, amount=1999, idempotency_key=new_key())


def test_a_second_capture_and_too_large_a_refund_are_refused(paypal: PayPal, sandbox: Server) -> None:
    _, _, reference = held(paypal)
    with pytest.raises(Conflict):
        paypal.refund(reference=reference, amount=1, idempotency_key=new_key())
    with pytest.raises(Conflict):
        paypal.capture(reference=reference, amount=2000, idempotency_key=new_key())
    for _ in range(2):
        assert paypal.capture(reference=reference, amount=1000, idempotency_key=new_key()).amount == 1000
    for work in (
        lambda: paypal.capture(reference=reference, amount=999, idempotency_key=new_key()),
        lambda: paypal.void(reference=reference),
        lambda: paypal.refund(reference=reference, amount=1001, idempotency_key=new_key()),
        lambda: paypal.next_action("NOBODYS"),
    ):
        with pytest.raises(Conflict):
            work()
    key = new_key()
    first = paypal.refund(reference=reference, amount=1, idempotency_key=key)
    age(sandbox, reference, 46 * 24)  # PayPal has deleted the request
    assert paypal.refund(reference=reference, amount=1, idempotency_key=key) == first


def test_a_token_that_expired_is_renewed_and_a_wrong_secret_is_no_outage(paypal: PayPal, sandbox: Server) -> None:
    requests.delete(sandbox.url + "/sandbox/tokens", timeout=30).raise_for_status()
    assert paypal.authorise(ask(), new_key()).state == "requires_action"
    with pytest.raises(PayPalError, match="invalid_client"):
        paypal_at(sandbox.ports["http"], paypal_client_secret="wrong").authorise(ask(), new_key())
    fault(sandbox, kind="429", path="/v1/oauth2/token")
    with pytest.raises(GatewayDown):
        paypal_at(sandbox.ports["http"]).authorise(ask(), new_key())


def test_a_review_is_processing_and_can_be_voided(paypal: PayPal) -> None:
    asked, key, reference = ordered(paypal)
    approve(paypal, reference, funding="reviewed")
    assert paypal.authorise(asked, key).state == "processing"
    paypal.void(reference=reference)
    assert paypal.authorise(asked, key).state == "voided"


def test_nobody_there_is_gateway_down_and_nothing_known_needs_no_call() -> None:
    with pytest.raises(GatewayDown):
        paypal_at(9).authorise(ask(), new_key())
    started = time.monotonic()
    with unresponsive_port() as port, pytest.raises(GatewayDown):
        paypal_at(port, gateway_timeout=60).authorise(ask(), new_key())
    assert time.monotonic() - started < 10
    assert list(paypal_at(9).list_since()) == []
    assert paypal_at(9).find(order_id="ord_1", payment_id=None, since=datetime.now(UTC)) == []
    assert isinstance(provider("paypal"), PayPal)


def test_webhooks_are_believed_only_if_paypal_has_signed_them(paypal: PayPal, receiver: Receiver) -> None:
    asked, _, reference = held(paypal)
    paypal.capture(reference=reference, amount=1999, idempotency_key=new_key())
    paypal.refund(reference=reference, amount=1999, idempotency_key=new_key())

    def came() -> dict[str, tuple[bytes, dict[str, str]]]:
        found = zip([body for _, body in receiver.got], receiver.headers, strict=False)
        return {
            json.loads(body)["event_type"]: (body, headers) for body, headers in found if reference.encode() in body
        }

    assert wait_until(lambda: len(came()) == 4, 30)
    for kind, (body, headers) in came().items():
        event = paypal.verify_webhook(body, headers)
        assert event == WebhookEvent(
            json.loads(body)["id"], kind, reference, asked.order_id, asked.payment_id,
            is_report=kind == "PAYMENT.CAPTURE.REFUNDED",
        )  # fmt: skip
        for forged in (body.replace(b"1999", b"9999").replace(b"19.99", b"99.99"), b'{"id": "WH-1"}'):
            with pytest.raises(BadSignature):
                paypal.verify_webhook(forged, headers)
        with pytest.raises(BadSignature):
            paypal.verify_webhook(body, {})
        for unreadable in (b"{", b"\xff", b"[]"):
            with pytest.raises(BadRequest):
                paypal.verify_webhook(unreadable, headers)
