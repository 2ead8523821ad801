"""One call that is being answered: who calls, what came with the message, and how long the caller waits."""

import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import grpc

from models.accounts import Principal
from serving import run_waiter

AUTHORIZATION, API_KEY, CART_TOKEN = "authorization", "x-api-key", "x-cart-token"
IDEMPOTENCY_KEY, REQUEST_ID, TRACEPARENT = "idempotency-key", "x-request-id", "traceparent"
LONGEST = 24 * 3600.0  # seconds; a later deadline is none


class Call:
    """What a call may use. `principal` is set by the rule of the call."""

    principal: Principal

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context
        self.metadata = _texts(context.invocation_metadata())
        self.trailing: dict[str, str] = {}
        """Metadata that is sent with the status."""
        left = context.time_remaining()
        # Without a deadline, gRPC's is at the end of its time.
        self.deadline = None if left is None or left > LONGEST else time.monotonic() + left

    @property
    def token(self) -> str | None:
        """The access token."""
        kind, _, token = self.metadata.get(AUTHORIZATION, "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else None

    @property
    def api_key(self) -> str | None:
        return self.metadata.get(API_KEY)

    @property
    def cart_token(self) -> str | None:
        """The token of a guest's cart. An access token takes precedence."""
        return None if AUTHORIZATION in self.metadata else self.metadata.get(CART_TOKEN)

    @property
    def is_late(self) -> bool:
        """Whether the deadline is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def is_active(self) -> bool:
        """Whether the caller still waits."""
        return bool(self._context.is_active())

    @property
    def holder(self) -> run_waiter.Holder:
        """Who takes a place to wait."""
        return run_waiter.holder_of(getattr(self, "principal", None), peer_ip(self._context.peer()))

    def release_at_end(self, release: Any) -> bool:
        """Calls `release` when the call has ended, however it ends. False: it has ended."""
        return bool(self._context.add_callback(release))


def peer_ip(peer: str) -> str | None:
    """The IP address in gRPC's name of a peer: `ipv4:127.0.0.1:4711`, `ipv6:%5B::1%5D:4711`."""
    kind, _, address = unquote(peer).partition(":")
    return address.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else None


def _texts(metadata: Iterable[tuple[str, str | bytes]]) -> Mapping[str, str]:
    """The first value of each key. Binary values are not used."""
    found: dict[str, str] = {}
    for key, value in metadata:
        if isinstance(value, str):
            found.setdefault(key, value)
    return found
