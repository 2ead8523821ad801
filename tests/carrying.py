"""A shop with a carrier whose webhooks a test delivers itself, in the order that it likes."""

import json
from collections.abc import Callable
from typing import Any

import requests

from local.waiting import wait_until
from tests.servers import Receiver, Server
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}
SIGNATURE = "X-Hmac-Signature"


def ship(caller: Any, order: dict[str, Any], **body: Any) -> Any:
    """Ships what is left of the order; without `tracking_number`, with a label."""
    return caller.post(f"/v1/orders/{order['id']}/fulfilments", json=body, headers=WAIT)


def move(carrier: Server, code: str, status: str) -> None:
    """Lets a parcel reach a status."""
    path = f"{carrier.url}/sandbox/parcels/{code}/move"
    requests.post(path, json={"status": status}, timeout=30).raise_for_status()


def strike(shop: Shop, **fault: Any) -> None:
    """Lets the next requests to the carrier go wrong."""
    requests.post(f"{shop.carrier.url}/sandbox/faults", json=fault, timeout=30).raise_for_status()


def webhooks(receiver: Receiver, code: str, count: int) -> list[tuple[str, bytes]]:
    """The first `count` different events about a tracking code, in the order in which they happened."""

    def found() -> list[tuple[str, bytes]]:
        about = {body: signature for signature, body in list(receiver.got) if json.loads(body)["result"].get(
            "tracking_code") == code}  # fmt: skip
        by_age = sorted(about, key=lambda body: len(json.loads(body)["result"].get("tracking_details", [])))
        return [(about[body], body) for body in by_age]

    assert wait_until(lambda: len(found()) >= count, 20, 0.05), receiver.got
    return found()[:count]


def post(client: Any, event: tuple[str, bytes]) -> Any:
    """Delivers an event to the shop."""
    headers = {SIGNATURE: event[0], "Content-Type": "application/json"}
    return client.post("/v1/webhooks/carrier", data=event[1], headers=headers)


def eventually(asked: Callable[[], Any], expected: Any) -> None:
    """Waits until the answer is as expected."""
    seen: list[Any] = []

    def is_there() -> bool:
        seen[:] = [asked()]
        return bool(seen[0] == expected)

    assert wait_until(is_there, 20, 0.05), seen
