"""Payment methods that are created from a card's number, as Stripe.js does."""

from typing import Any

import pytest
import requests

from tests.sandbox.gateway import get, pay
from tests.servers import Server


def create(gateway: Server, key: str = "pk_test_1", **card: str) -> requests.Response:
    details = {"number": "4242 4242 4242 4242", "exp_month": "12", "exp_year": "40", "cvc": "123", **card}
    form = {"type": "card", **{f"card[{name}]": value for name, value in details.items()}}
    return requests.post(
        f"{gateway.url}/v1/payment_methods", data=form, headers={"Authorization": f"Bearer {key}"}, timeout=5
    )


def test_a_card_becomes_a_payment_method_that_pays(gateway: Server) -> None:
    made = create(gateway).json()
    assert made["card"] == {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 40}
    assert "behaves_as" not in made
    intent = pay(gateway, payment_method=made["id"]).json()
    assert (intent["status"], intent["payment_method"]) == ("requires_capture", made["id"])


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000002", "generic_decline"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000003220", "authentication_required"),  # the customer is absent
    ],
)
def test_a_test_card_behaves_as_documented(gateway: Server, number: str, code: str) -> None:
    answer = pay(gateway, payment_method=create(gateway, number=number).json()["id"])
    assert (answer.status_code, answer.json()["error"]["decline_code"]) == (402, code)


def test_a_card_with_3d_secure_waits_for_its_customer(gateway: Server) -> None:
    method = create(gateway, number="4000000000003220").json()["id"]
    intent = pay(gateway, payment_method=method, off_session="false", return_url="http://localhost/back").json()
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "redirect_to_url")


@pytest.mark.parametrize(
    ("card", "status", "code"),
    [
        ({"number": "4242424242424241"}, 402, "incorrect_number"),
        ({"number": "4242"}, 402, "incorrect_number"),
        ({"number": "4111111111111111"}, 402, "card_declined"),
        ({"exp_month": "13"}, 402, "invalid_expiry_month"),
        ({"exp_year": "20"}, 402, "invalid_expiry_year"),
        ({"cvc": "12"}, 402, "invalid_cvc"),
        ({"exp_year": "soon"}, 400, "parameter_invalid_integer"),
        ({"colour": "blue"}, 400, "parameter_unknown"),
    ],
)
def test_a_card_that_cannot_be_charged_is_refused(
    gateway: Server, card: dict[str, Any], status: int, code: str
) -> None:
    answer = create(gateway, **card)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_publishable_key_creates_payment_methods_and_nothing_else(gateway: Server) -> None:
    before = get(gateway, "/v1/payment_intents")["data"]  # of other tests
    assert create(gateway, key="sk_test_1").status_code == 200
    assert create(gateway, key="nonsense").status_code == 401
    asked = requests.get(f"{gateway.url}/v1/payment_intents", auth=("pk_test_1", ""), timeout=30)
    assert asked.status_code == 401
    assert get(gateway, "/v1/payment_intents")["data"] == before
