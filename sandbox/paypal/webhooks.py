"""Delivers the events in the ledger's outbox as PayPal does, and says whether a delivery was PayPal's.

developer.paypal.com/api/rest/webhooks/rest. PayPal signs with the key of a certificate; the sandbox with a secret of
its own, for whoever receives an event asks PayPal whether the signature is right.
"""

import asyncio
import hmac
import json
import logging
import sqlite3
from base64 import b64encode
from binascii import crc32
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from sandbox.paypal.ledger import Ledger
from sandbox.paypal.params import Verification

log = logging.getLogger(__name__)

ALGORITHM = "SHA256withRSA"
AT_ONCE = 8
ATTEMPTS = 25
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 60.0
LOOK = 0.1
TIMEOUT = 5.0


async def deliver(ledger: Ledger, url: str, webhook_id: str, base: str) -> None:
    """Posts every event to the URL until it is answered with 2xx, again and again at growing intervals.

    Never ends. Some events come twice, and some after events that happened later.
    """
    client = AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE)
    while True:
        events = ledger.due_events(AT_ONCE, ATTEMPTS)
        if not events:
            await asyncio.sleep(LOOK)
            continue
        requests = [_request(ledger, url, webhook_id, base, event) for event in events]
        arrived = await asyncio.gather(*(_post(client, request) for request in requests))
        with ledger.transaction():
            for event, ok in zip(events, arrived, strict=True):
                if ok:
                    ledger.delivered(event)
                else:
                    ledger.postpone(event["seq"], min(FIRST_PAUSE * 2 ** event["attempts"], LONGEST_PAUSE))


def signature(ledger: Ledger, transmission_id: str, time: str, webhook_id: str, event: dict[str, Any]) -> str:
    """Over what PayPal signs: the ids of delivery and webhook, the time, and the CRC-32 of the event."""
    checksum = crc32(json.dumps(event, sort_keys=True).encode())
    signed = f"{transmission_id}|{time}|{webhook_id}|{checksum}".encode()
    return b64encode(hmac.new(ledger.signing_key.encode(), signed, sha256).digest()).decode()


def is_ours(ledger: Ledger, asked: Verification, webhook_id: str) -> bool:
    """Whether the sandbox has posted this event with these headers to this webhook."""
    right = signature(ledger, asked.transmission_id, asked.transmission_time, webhook_id, asked.webhook_event)
    return (
        asked.webhook_id == webhook_id
        and asked.auth_algo == ALGORITHM
        and hmac.compare_digest(right.encode(), asked.transmission_sig.encode())
    )


def _request(ledger: Ledger, url: str, webhook_id: str, base: str, event: sqlite3.Row) -> HTTPRequest:
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = signature(ledger, event["transmission_id"], time, webhook_id, json.loads(event["body"]))
    headers = {
        "Content-Type": "application/json",
        "PAYPAL-TRANSMISSION-ID": event["transmission_id"],
        "PAYPAL-TRANSMISSION-TIME": time,
        "PAYPAL-TRANSMISSION-SIG": signed,
        "PAYPAL-CERT-URL": f"{base}/v1/notifications/certs/CERT-sandbox",
        "PAYPAL-AUTH-ALGO": ALGORITHM,
    }
    return HTTPRequest(
        url, method="POST", body=event["body"], headers=headers, request_timeout=TIMEOUT, follow_redirects=False
    )


async def _post(client: AsyncHTTPClient, request: HTTPRequest) -> bool:
    try:
        response = await client.fetch(request, raise_error=False)
    except (HTTPClientError, OSError) as error:
        log.info("a webhook was not delivered: %s", error)
        return False
    return 200 <= response.code < 300
