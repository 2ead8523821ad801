"""Delivers the events in the book's outbox as webhooks, signed as EasyPost signs them (X-Hmac-Signature)."""

import asyncio
import hmac
import logging
import sqlite3
import unicodedata
from hashlib import sha256

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from sandbox.carrier.book import Book

log = logging.getLogger(__name__)

AT_ONCE = 8
ATTEMPTS = 24  # with the pauses below, about a quarter of an hour
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 60.0
LOOK = 0.1
TIMEOUT = 5.0


async def deliver(book: Book, url: str, secret: str) -> None:
    """Posts every event to the URL until it is answered with 2xx, again and again at growing intervals.

    Never ends. Some events arrive twice, and some later than one that happened after them (`Book.emit`).
    """
    client = AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE)
    while True:
        events = book.due_events(AT_ONCE, ATTEMPTS)
        if not events:
            await asyncio.sleep(LOOK)
            continue
        arrived = await asyncio.gather(*(_post(client, url, secret, event) for event in events))
        with book.transaction():
            for event, ok in zip(events, arrived, strict=True):
                if ok:
                    book.delivered(event["seq"])
                else:
                    _postpone(book, event)


def signature(payload: str, secret: str) -> str:
    """The X-Hmac-Signature header: HMAC-SHA256 of the body under the secret in Unicode's form NFKD."""
    key = unicodedata.normalize("NFKD", secret).encode()
    return f"hmac-sha256-hex={hmac.new(key, payload.encode(), sha256).hexdigest()}"


async def _post(client: AsyncHTTPClient, url: str, secret: str, event: sqlite3.Row) -> bool:
    request = HTTPRequest(
        url,
        method="POST",
        body=event["body"],
        headers={"Content-Type": "application/json", "X-Hmac-Signature": signature(event["body"], secret)},
        request_timeout=TIMEOUT,
        follow_redirects=False,
    )
    try:
        response = await client.fetch(request, raise_error=False)
    except (HTTPClientError, OSError) as error:
        log.info("webhook %s not delivered: %s", event["id"], error)
        return False
    return 200 <= response.code < 300


def _postpone(book: Book, event: sqlite3.Row) -> None:
    if event["attempts"] + 1 >= ATTEMPTS:
        log.warning("webhook %s given up after %d attempts", event["id"], ATTEMPTS)
    book.postpone(event["seq"], min(FIRST_PAUSE * 2 ** event["attempts"], LONGEST_PAUSE))
