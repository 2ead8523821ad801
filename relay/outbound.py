"""HTTP requests to other programs: no private addresses, no redirects, no more of a response than is recorded."""

import socket
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from models.webhooks.addresses import is_public
from settings import settings

BODY_LIMIT = 2000  # bytes of a response that are read
USER_AGENT = "Shopflow-Webhooks/1"


class PrivateAddress(OSError):
    """The host has an address in a private network."""


@dataclass(frozen=True)
class Answer:
    """What came of a request. `status` None: there was no response, because of `error`. `duration` in milliseconds."""

    status: int | None
    body: str | None
    error: str | None
    duration: int

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def open_session() -> aiohttp.ClientSession:
    """The HTTP client. Connections are kept; the number per endpoint is limited by its courier.

    The address is checked when a connection is made, after the name was resolved: a name that resolves to something
    else a moment later leads nowhere else.
    """
    connector = aiohttp.TCPConnector(limit=0, socket_factory=_socket, ttl_dns_cache=10)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=settings.webhooks_timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": USER_AGENT, "Content-Type": "application/json"},
    )


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, (host, *_) = address
    if not settings.webhooks_allow_private and not is_public(host):
        raise PrivateAddress(f"{host} is not a public address")
    return socket.socket(family, kind, protocol)


async def post(http: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Sends a request and reads the beginning of the response. Raises nothing but CancelledError."""
    began = time.monotonic()
    status, text, error = None, None, None
    try:
        async with http.post(url, data=body, headers=headers, allow_redirects=False) as response:
            status = response.status
            text = await _beginning(response)
    except TimeoutError:
        error = f"No complete response within {settings.webhooks_timeout:g} s."
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        error = f"{type(failure).__name__}: {_cause(failure)}"[:300]
    if status is not None and 300 <= status < 400:
        error = "Redirects are not followed."
    return Answer(status, text, error, int((time.monotonic() - began) * 1000))


def _cause(failure: BaseException) -> str:
    """What it says, or what the error of the socket says: the client's own words hide that."""
    inner = failure.os_error if isinstance(failure, aiohttp.ClientOSError) and hasattr(failure, "os_error") else None
    return str(inner) if inner is not None and str(inner) else str(failure)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """At most BODY_LIMIT bytes of a response. The rest is not read: the connection is closed."""
    parts, length = [], 0
    while length < BODY_LIMIT and (part := await response.content.read(BODY_LIMIT - length)):
        parts.append(part)
        length += len(part)
    if length == BODY_LIMIT:
        response.close()
    return b"".join(parts).decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
