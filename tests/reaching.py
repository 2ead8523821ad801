"""Phones and devices of customers, and what has arrived there."""

from typing import Any

import requests

from tests.shop import Shop

NUMBER = "+4915123456789"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
KEYS = {"p256dh": P256DH, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}
ENDPOINT = "https://updates.push.example/wpush/v2/gAAAAA"
"""A subscription at a push service that does not exist."""


def add_phone(user_id: str, number: str = NUMBER) -> str:
    """Gives the user a verified number, without a text message."""
    from durable.ids import new_id
    from models.accounts import Phone
    from models.core.database import transaction

    with transaction() as session:
        now = session.connection().exec_driver_sql("SELECT now()").scalar_one()
        session.add(Phone(user_id=user_id, number=number, code_of=new_id("run"), code_expires_at=now, verified_at=now))
    return number


def subscribe(mailbox_url: str, server_key: str | None = None) -> dict[str, Any]:
    """A browser subscribes at the push service of the mailbox; returns its PushSubscription."""
    body = {"applicationServerKey": server_key}
    answer = requests.post(f"{mailbox_url}/push-service/subscriptions", json=body, timeout=30)
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json()
    return found


def add_device(user_id: str, subscription: dict[str, Any]) -> str:
    """Adds a device of the user; returns its id."""
    from durable.ids import new_id
    from models.accounts import Device
    from models.core.database import transaction

    with transaction() as session:
        device = Device(
            id=new_id("dev"), user_id=user_id, type="web_push", endpoint=subscription["endpoint"],
            **subscription["keys"],
        )  # fmt: skip
        session.add(device)
        return device.id


def arrived(shop: Shop, kind: str) -> list[dict[str, Any]]:
    """The messages of a kind in the mailbox, `text` or `push`, newest first."""
    return [message for message in shop.mails() if message["kind"] == kind]


def text_of(shop: Shop, message: dict[str, Any]) -> str:
    """The page of a message in the mailbox."""
    return requests.get(f"{shop.mailbox.url}/messages/{message['id']}", timeout=30).text
