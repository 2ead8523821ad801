"""Push notifications to browsers by Web Push: RFC 8030, with VAPID (RFC 8292) and encrypted payloads (RFC 8291).

pywebpush encrypts, and aiohttp sends: the address of a push service, which a customer has given, is checked when it is
connected to, and the whole call is limited in time. docs/decisions/0028 says why Apprise does not send these.
"""

import asyncio
import json
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from pywebpush import WebPusher

from models import accounts, webhooks
from settings import settings

TOKEN_LIFETIME = 12 * 3600  # seconds; push services accept 24 hours at most
GONE = (404, 410)


class Answer(NamedTuple):
    """The answer of a push service. `status`: None without one. `retry_after`: seconds, if it names them."""

    status: int | None
    retry_after: float | None
    error: str | None

    @property
    def is_accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_temporary(self) -> bool:
        """Whether a later attempt may succeed. A redirect is not followed, and never will be."""
        return self.status is None or self.status in (408, 425, 429) or self.status >= 500


def send(endpoint: str, keys: Mapping[str, str], payload: Mapping[str, str], *, topic: str, ttl: int) -> Answer:
    """Sends one notification, encrypted for the device. Raises nothing that the push service could cause.

    `topic`: replaces a notification of the same topic that the device has not received yet. `ttl`: seconds for which
    the push service keeps it for a device that is offline.
    """
    body = WebPusher({"endpoint": endpoint, "keys": dict(keys)}).encode(json.dumps(payload).encode())["body"]
    claims = {"aud": _origin(endpoint), "sub": settings.vapid_subject, "exp": int(time.time()) + TOKEN_LIFETIME}
    headers = {
        **_key().sign(claims),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(ttl),
        "Topic": topic,
        "Urgency": "normal",
    }
    return asyncio.run(_post(endpoint, body, headers))


def public_key() -> str:
    """The key that browsers subscribe with, `applicationServerKey`, in base64url."""
    point = _key().public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).decode().rstrip("=")


@cache
def _key() -> Vapid02:
    return Vapid02.from_raw(settings.vapid.encode())


def _origin(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


async def _post(endpoint: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    allow_private = accounts.is_private_allowed(endpoint)

    def checked(address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, (host, *_) = address
        if not allow_private and not webhooks.is_public(host):
            raise OSError("its address is not public")
        return socket.socket(family, kind, protocol)

    timeout = aiohttp.ClientTimeout(total=settings.push_timeout)
    connector = aiohttp.TCPConnector(socket_factory=checked)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.post(endpoint, data=body, headers=headers, allow_redirects=False) as response,
        ):
            status = response.status
            error = None if 200 <= status < 300 else f"The push service responded with HTTP {status}."
            return Answer(status, _seconds(response.headers.get("Retry-After")), error)
    except TimeoutError:
        return Answer(None, None, f"The push service did not respond within {settings.push_timeout:g} s.")
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        # Its words could contain the URL, which is a secret of the device.
        return Answer(None, None, f"The push service could not be reached: {type(failure).__name__}.")


def _seconds(retry_after: str | None) -> float | None:
    """The seconds of a `Retry-After`: a number or a date (RFC 9110, section 10.2.3); None for anything else."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(min(int(retry_after[:9]), 10**8))
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
