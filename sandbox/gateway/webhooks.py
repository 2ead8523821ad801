"""Delivers the events in the ledger's outbox as signed webhooks (docs.stripe.com/webhooks#verify-manually)."""

import asyncio
import hmac
import logging
import sqlite3
import time
from hashlib import sha256

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from sandbox.gateway.ledger import Ledger

log = logging.getLogger(__name__)

AT_ONCE = 8
ATTEMPTS = 24  # with the pauses below, about a quarter of an hour
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 60.0
LOOK = 0.1
TIMEOUT = 5.0


async def deliver(ledger: Ledger, url: str, secret: str) -> None:
    """Posts every event to the URL until it is answered with 2xx, again and again at growing intervals.

    Never ends. An event may arrive more than once, and later than one that happened after it.
    """
    client = AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE)
    while True:
        events = ledger.due_events(AT_ONCE, ATTEMPTS)
        if not events:
            await asyncio.sleep(LOOK)
            continue
        arrived = await asyncio.gather(*(_post(client, url, secret, event) for event in events))
        with ledger.transaction():
            for event, ok in zip(events, arrived, strict=True):
                if ok:
                    ledger.delivered(event["seq"])
                else:
                    _postpone(ledger, event)


def signature(payload: str, secret: str, now: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over time and payload."""
    digest = hmac.new(secret.encode(), f"{now}.{payload}".encode(), sha256).hexdigest()
    return f"t={now},v1={digest}"


async def _post(client: AsyncHTTPClient, url: str, secret: str, event: sqlite3.Row) -> bool:
    request = HTTPRequest(
        url,
        method="POST",
        body=event["body"],
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(event["body"], secret, int(time.time())),
        },
        request_timeout=TIMEOUT,
        follow_redirects=False,
    )
    try:
        response = await client.fetch(request, raise_error=False)
    except (HTTPClientError, OSError) as error:
        log.info("webhook %s not delivered: %s", event["id"], error)
        return False
    return 200 <= response.code < 300


def _postpone(ledger: Ledger, event: sqlite3.Row) -> None:
    if event["attempts"] + 1 >= ATTEMPTS:
        log.warning("webhook %s given up after %d attempts", event["id"], ATTEMPTS)
    ledger.postpone(event["seq"], min(FIRST_PAUSE * 2 ** event["attempts"], LONGEST_PAUSE))
