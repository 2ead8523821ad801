"""How a test asks PayPal's adapter, and what its customer does."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests

from local.waiting import wait_until
from models.core.errors import GatewayDown
from settings import Settings
from tasks.gateways.payments.paypal import PayPal
from tasks.gateways.payments.provider import AuthorisationRequest, ProviderPayment
from tests.servers import Server
from tests.tasks.gateways.payments.asking import new_key, request

BACK = "https://shop.example/return?order=1"
Done = tuple[AuthorisationRequest, str, str]


def paypal_at(port: int, **settings: Any) -> PayPal:
    return PayPal(Settings(paypal_port=port, **{"gateway_timeout": 2.0, **settings}))


def ask(**changes: Any) -> AuthorisationRequest:
    return request(method="paypal", **{"return_url": BACK, **changes})


def approve(paypal: PayPal, reference: str, result: str = "succeeded", **more: Any) -> str:
    """What the customer does on PayPal's page; where they are sent then."""
    action = paypal.next_action(reference)
    assert action
    assert action.url
    answer = requests.post(action.url, json={"result": result, **more}, timeout=30)
    return str(answer.json()["redirect"])


def ordered(paypal: PayPal, **changes: Any) -> Done:
    """A payment that waits for its customer: what was asked, the key, the reference."""
    asked, key = ask(**changes), new_key()
    made = paypal.authorise(asked, key)
    assert made.state == "requires_action"
    return asked, key, made.reference


def held(paypal: PayPal, funding: str = "good", **changes: Any) -> Done:
    """A payment that is authorised."""
    asked, key, reference = ordered(paypal, **changes)
    approve(paypal, reference, funding=funding)
    assert paypal.authorise(asked, key).state == "authorised"
    return asked, key, reference


def look(paypal: PayPal, reference: str) -> ProviderPayment:
    (found,) = paypal.list_since(known=[reference])
    return found


def age(sandbox: Server, reference: str, hours: float) -> None:
    path = f"{sandbox.url}/sandbox/orders/{reference}/age"
    requests.post(path, json={"hours": hours}, timeout=30).raise_for_status()


def repeat(work: Callable[[], Any]) -> Any:
    """The answer of a call that is repeated while the provider does not tell."""
    answers: list[Any] = []

    def repeated() -> bool:
        with suppress(GatewayDown):
            answers.append(work())
        return bool(answers)

    assert wait_until(repeated, 30)
    return answers[0]
