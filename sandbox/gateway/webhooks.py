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

CONCURRENCY = 8
MAX_ATTEMPTS = 24  # within about a quarter of an hour
MIN_BACKOFF, MAX_BACKOFF = 0.25, 60.0  # seconds, doubled after each attempt
POLL_INTERVAL = 0.1  # seconds
TIMEOUT = 5.0  # seconds


async def deliver(ledger: Ledger, url: str, secret: str) -> None:
    """Posts each event to the URL, with retries and exponential backoff until the response is 2xx. Never returns.

    Delivery is at least once and unordered.
    """
    client = AsyncHTTPClient(force_instance=True, max_clients=CONCURRENCY)
    while True:
        events = ledger.due_events(CONCURRENCY, MAX_ATTEMPTS)
        if not events:
            await asyncio.sleep(POLL_INTERVAL)
            continue
        delivered = await asyncio.gather(*(_post(client, url, secret, event) for event in events))
        with ledger.transaction():
            for event, ok in zip(events, delivered, strict=True):
                if ok:
                    ledger.mark_delivered(event["seq"])
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
        log.info("webhook %s was not delivered: %s", event["id"], error)
        return False
    return 200 <= response.code < 300


def _postpone(ledger: Ledger, event: sqlite3.Row) -> None:
    if event["attempts"] + 1 >= MAX_ATTEMPTS:
        log.warning("webhook %s: no more retries after %d attempts", event["id"], MAX_ATTEMPTS)
    ledger.postpone(event["seq"], min(MIN_BACKOFF * 2 ** event["attempts"], MAX_BACKOFF))
