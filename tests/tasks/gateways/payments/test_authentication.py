"""Payments with customer authentication: the redirect, and the state of the payment afterwards."""

import pytest
import requests

from models.core.errors import Conflict, GatewayDown
from tasks.gateways.payments.provider import AuthorisationRequest, NextAction
from tasks.gateways.payments.stripe import Stripe
from tests.servers import Server
from tests.tasks.gateways.payments.asking import fault, made, new_key, request

BACK = "https://shop.example/return?order=1"
CONFIRMED, NOT_CONFIRMED = "succeeded", "failed"


def redirect_url(provider: Stripe, asked: AuthorisationRequest, key: str) -> str:
    """The URL to which the customer is redirected."""
    reserved = provider.authorise(asked, key)
    assert reserved.state == "requires_action"
    action = provider.next_action(reserved.reference)
    assert action
    assert action.client_secret is None
    assert action.url
    return action.url


def answer(url: str, outcome: str) -> str:
    """The URL to which the customer returns from the bank."""
    assert '<button name="result"' in requests.get(url, timeout=30).text
    sent = requests.post(url, data={"result": outcome}, allow_redirects=False, timeout=30)
    assert sent.status_code == 303
    return sent.headers["Location"]


def test_a_payment_confirmed_at_the_bank_is_authorised(provider: Stripe) -> None:
    asked, key = request(method="pm_card_authenticationRequired", return_url=BACK), new_key()
    url = redirect_url(provider, asked, key)
    (waiting,) = made(provider, asked)
    assert (waiting.state, waiting.authorised) == ("requires_action", 0)
    back = answer(url, CONFIRMED)
    assert back.startswith(f"{BACK}&payment_intent={waiting.reference}&")
    assert back.endswith("redirect_status=succeeded")
    (held,) = made(provider, asked)
    assert (held.state, held.authorised) == ("authorised", 1999)
    assert provider.next_action(held.reference) is None
    assert provider.capture(reference=held.reference, amount=1999, idempotency_key=new_key()).amount == 1999


def test_a_payment_not_confirmed_at_the_bank_is_declined(provider: Stripe) -> None:
    asked = request(method="pm_card_authenticationRequired", return_url=BACK)
    assert answer(redirect_url(provider, asked, new_key()), NOT_CONFIRMED).endswith("redirect_status=failed")
    (payment,) = made(provider, asked)
    assert (payment.state, payment.decline_code) == ("declined", "payment_intent_authentication_failure")
    assert provider.next_action(payment.reference) is None


def test_a_payment_awaiting_its_customer_can_be_voided(provider: Stripe) -> None:
    asked = request(method="pm_card_authenticationRequired", return_url=BACK)
    url = redirect_url(provider, asked, new_key())
    (waiting,) = made(provider, asked)
    provider.void(reference=waiting.reference)
    assert [payment.state for payment in made(provider, asked)] == ["cancelled"]
    assert requests.get(url, timeout=30).status_code == 409


def test_a_card_without_authentication_has_no_next_action(provider: Stripe) -> None:
    asked = request(return_url=BACK)
    reserved = provider.authorise(asked, new_key())
    assert reserved.state == "authorised"
    assert provider.next_action(reserved.reference) is None
    with pytest.raises(Conflict):
        provider.next_action("pi_nobodys")


@pytest.mark.parametrize("kind", ["error", "error_after"])
def test_a_payment_behind_a_stored_failure_can_be_confirmed(gateway: Server, provider: Stripe, kind: str) -> None:
    asked, key = request(method="pm_card_authenticationRequired", return_url=BACK), new_key()
    fault(gateway, kind=kind)
    with pytest.raises(GatewayDown):
        provider.authorise(asked, key)
    answer(redirect_url(provider, asked, key), CONFIRMED)
    assert [payment.state for payment in made(provider, asked)] == ["authorised"]


def test_an_undecided_payment_stays_processing_for_a_present_customer(provider: Stripe) -> None:
    asked = request(method="pm_sandbox_processing", return_url=BACK)
    reserved = provider.authorise(asked, new_key())
    assert reserved.state == "processing"
    assert provider.next_action(reserved.reference) is None


def test_a_payment_without_a_return_url_has_a_client_secret(gateway: Server, provider: Stripe) -> None:
    """A payment created without a return URL, as by a front end."""
    form = {"amount": "1999", "currency": "eur", "payment_method": "pm_card_authenticationRequired", "confirm": "true"}
    path = gateway.url + "/v1/payment_intents"
    intent = requests.post(path, data=form, auth=("sk_test_1", ""), timeout=30).json()
    assert provider.next_action(intent["id"]) == NextAction(None, intent["client_secret"])
