"""A customer of the demo with a phone and a browser that receives push notifications, and what arrives there."""

import re
from typing import Any

import urllib3

from demo.client import Unfinished
from demo.day import PATIENCE, Day, Event
from demo.shopping import Purchase
from local.waiting import wait_until

NUMBER = "+4915123456789"
KINDS = {"text": "text message", "push": "push notification"}


def add_phone_and_device(day: Day, mailbox: str, purchase: Purchase) -> None:
    """The customer verifies a number with the code of a text message, and allows push notifications in a browser."""
    client = purchase.customer.client
    client.follow(client.put("/v1/me/phone", {"number": NUMBER})["task_id"])
    code = re.findall(r"\b\d{6}\b", _newest(mailbox, "text")["subject"])[0]
    client.post("/v1/me/phone/verify", {"code": code})
    day.tell(Event("phone number verified by a text message", "", NUMBER))
    key = {"applicationServerKey": client.get("/v1/push-key")["public_key"]}
    subscription = urllib3.request("POST", f"{mailbox}/push-service/subscriptions", json=key).json()
    device = client.post("/v1/me/devices", {"type": "web_push", "subscription": subscription})
    day.tell(Event("browser allows push notifications", "", device["id"]))


def check_messages(day: Day, mailbox: str, purchase: Purchase) -> None:
    """A text message and a push notification have arrived for each of the two parcels that have left."""
    number = purchase.order["number"]
    said = f"A parcel of order {number} is on its way"

    def find() -> list[dict[str, Any]]:
        return [message for message in _messages(mailbox) if said in message["subject"]]

    wait_until(lambda: len(find()) >= 4, PATIENCE, 0.1)
    found = find()
    counts = [sum(message["deliveries"] for message in found if message["kind"] == kind) for kind in KINDS]
    for kind, words in KINDS.items():
        message = next(one for one in [*found, _newest(mailbox, kind)] if one["kind"] == kind)
        day.tell(Event(f"{words}: a parcel is on its way", number, message["to"][0]))
    day.record("a text message and a push for each parcel", counts == [2, 2], counts)


def _messages(mailbox: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = urllib3.request("GET", f"{mailbox}/messages.json").json()
    return found


def _newest(mailbox: str, kind: str) -> dict[str, Any]:
    found = next((message for message in _messages(mailbox) if message["kind"] == kind), None)
    if found is None:
        raise Unfinished(f"No {KINDS[kind]} has arrived.")
    return found
