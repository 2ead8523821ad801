"""The sandbox gateway as a process, and requests to it."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from tests.servers import Server

SECRET = "whsec_" + "x" * 32
DISCARD_URL = "http://127.0.0.1:9/hook"  # the discard port: nothing listens there


def gateway_in(var: Path, webhook_url: str = DISCARD_URL) -> Server:
    return Server("sandbox.gateway", var, "--webhook-url", webhook_url, SHOP_STRIPE_WEBHOOK_SECRET=SECRET)


def post(server: Server, path: str, key: str | None = None, **form: Any) -> requests.Response:
    headers = {"Authorization": "Bearer sk_test_1"} | ({"Idempotency-Key": key} if key else {})
    return requests.post(server.url + path, data=form, headers=headers, timeout=20)


def pay(server: Server, key: str | None = None, **changes: Any) -> requests.Response:
    form = {"amount": 1999, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    form |= {"capture_method": "manual", "off_session": "true", "metadata[order_id]": "ord_1"}
    return post(server, "/v1/payment_intents", key, **(form | changes))


def get(server: Server, path: str, **query: Any) -> Any:
    return requests.get(server.url + path, params=query, auth=("sk_test_1", ""), timeout=30).json()


def fault(server: Server, **fault: Any) -> None:
    assert requests.post(server.url + "/sandbox/faults", json=fault, timeout=30).status_code == 201


def booked(server: Server, key: str) -> list[dict[str, Any]]:
    """The operations in the ledger with this key."""
    ledger = requests.get(server.url + "/sandbox/ledger", timeout=30).json()
    return [done for intent in ledger for done in intent["operations"] if done["idempotency_key"] == key]


def new_key() -> str:
    return uuid4().hex
