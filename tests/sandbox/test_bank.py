"""The sandbox's bank: customer authentication."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe

from local.waiting import wait_until
from tests.servers import Receiver, Server

SECRET = "whsec_" + "x" * 32
BACK = "https://shop.example/return"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    var = tmp_path_factory.mktemp("gateway")
    server = Server("sandbox.gateway", var, "--webhook-url", receiver.url, SHOP_STRIPE_WEBHOOK_SECRET=SECRET)
    yield server
    assert server.stop() == 0


def pay(server: Server, **changes: Any) -> Any:
    form = {"amount": 1999, "currency": "eur", "payment_method": "pm_card_authenticationRequired", "confirm": "true"}
    form |= {"capture_method": "manual", "return_url": BACK, **changes}
    return requests.post(f"{server.url}/v1/payment_intents", data=form, auth=("sk_test_1", ""), timeout=30).json()


def get(server: Server, intent: Any) -> Any:
    path = f"{server.url}/v1/payment_intents/{intent['id']}"
    return requests.get(path, auth=("sk_test_1", ""), timeout=30).json()


def redirect(intent: Any) -> str:
    """The page to which the customer is redirected."""
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "redirect_to_url")
    assert intent["next_action"]["redirect_to_url"]["return_url"] == BACK
    return str(intent["next_action"]["redirect_to_url"]["url"])


def say(url: str, result: str) -> requests.Response:
    return requests.post(url, data={"result": result}, allow_redirects=False, timeout=30)


def webhook_types(receiver: Receiver, intent: Any) -> list[str]:
    events = [stripe.Webhook.construct_event(body, signature, SECRET) for signature, body in receiver.got]
    return [event.type for event in events if event.data.object["id"] == intent["id"]]


def test_a_confirmed_payment_is_authorised_and_redirects_back(gateway: Server, receiver: Receiver) -> None:
    intent = pay(gateway)
    url = redirect(intent)
    page = requests.get(url, timeout=30)
    assert (page.status_code, "19.99 EUR" in page.text) == (200, True)
    assert get(gateway, intent) == intent  # reading changes nothing
    answer = say(url, "succeeded")
    said = f"payment_intent={intent['id']}&payment_intent_client_secret={intent['client_secret']}"
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{BACK}?{said}&redirect_status=succeeded")
    held = get(gateway, intent)
    assert (held["status"], held["amount_capturable"], held["next_action"]) == ("requires_capture", 1999, None)
    events = ["payment_intent.requires_action", "payment_intent.amount_capturable_updated"]
    assert wait_until(lambda: sorted(webhook_types(receiver, intent)) == sorted(events), 30)


def test_a_failed_authentication_declines_the_payment(gateway: Server, receiver: Receiver) -> None:
    intent = pay(gateway)
    assert say(redirect(intent), "failed").headers["Location"].endswith("redirect_status=failed")
    failed = get(gateway, intent)
    assert (failed["status"], failed["next_action"]) == ("requires_payment_method", None)
    assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert failed["latest_charge"] is None
    assert wait_until(lambda: "payment_intent.payment_failed" in webhook_types(receiver, intent), 30)


def test_automatic_capture_follows_the_confirmation(gateway: Server) -> None:
    intent = pay(gateway, capture_method="automatic")
    say(redirect(intent), "succeeded")
    taken = get(gateway, intent)
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 1999)


def test_a_payment_is_authenticated_once(gateway: Server) -> None:
    intent = pay(gateway)
    url = redirect(intent)
    assert say(url, "perhaps").status_code == 400
    assert requests.post(url, timeout=30).status_code == 400
    assert get(gateway, intent) == intent
    assert say(url, "succeeded").status_code == 303
    for again in (requests.get(url, timeout=30), say(url, "failed")):
        assert again.status_code == 409
    assert get(gateway, intent)["status"] == "requires_capture"


def test_only_a_redirected_payment_has_a_bank_page(gateway: Server) -> None:
    page = f"{gateway.url}/sandbox/bank/"
    inside = pay(gateway, return_url=None)
    assert inside["next_action"]["type"] == "use_stripe_sdk"
    held = pay(gateway, payment_method="pm_card_visa")
    assert held["status"] == "requires_capture"
    for intent, status in ((inside, 409), (held, 409), ({"id": "pi_none"}, 404)):
        assert requests.get(page + intent["id"], timeout=30).status_code == status
    assert pay(gateway, return_url="javascript:alert(1)")["error"]["param"] == "return_url"
