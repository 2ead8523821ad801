"""Limits of requests per network or caller, kept in Redis: `@limited("registrations")`.

They protect against floods, and are not a promise: while Redis does not respond, everything is let through, a warning
is logged once a minute, and `/readyz` says so. Password attempts are limited in PostgreSQL (decision 5).
"""

import logging
import math
import time
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import limits
from flask import g, request
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pybreaker import CircuitBreaker, CircuitBreakerError
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.http.errors import error_codes
from models.core.errors import TooManyRequests
from models.core.networks import network_of
from settings import settings

log = logging.getLogger(__name__)

TIMEOUT = 0.25  # seconds for Redis to respond
FAILURES, PAUSE = 3, 10.0  # after so many failures, Redis is not asked for so many seconds
LOG_INTERVAL = 60.0  # seconds

P = ParamSpec("P")
Answer = TypeVar("Answer")

_breaker = CircuitBreaker(fail_max=FAILURES, reset_timeout=PAUSE)
_fault: str | None = None
_logged_at = -LOG_INTERVAL


def limited(name: str, by: str = "network") -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Limits a view by the setting `SHOP_LIMIT_<NAME>`, for each network or each caller (`by`). Documents its 429.

    Below the schema of the arguments, so that requests which it refuses do not count. Views with the same name share
    the limit. Raises TooManyRequests.
    """

    def decorate(view: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(view)
        def counted(*args: P.args, **kwargs: P.kwargs) -> Answer:
            count_network(name) if by == "network" else count(name, _caller())
            return view(*args, **kwargs)

        return error_codes("too_many_requests")(counted)

    return decorate


def count(name: str, whose: str) -> None:
    """Counts a request. Raises TooManyRequests with the seconds until the next one is possible."""
    item = limits.parse(getattr(settings, f"limit_{name}"))
    try:
        wait = _breaker.call(_take, item, name, whose)
    except (StorageError, CircuitBreakerError) as error:
        _report(error)
        return
    _report(None)
    if wait:
        raise TooManyRequests(f"Too many requests; try again in {wait} seconds.", retry_after=wait)


def count_network(name: str) -> None:
    """Counts the present request for its network. Raises as `count`."""
    count(name, network_of(request.remote_addr) or "unknown")


def fault() -> str | None:
    """Why this process does not limit requests at present; None if it does."""
    return _fault


def _take(item: limits.RateLimitItem, name: str, whose: str) -> int:
    """Seconds to wait; 0: it was counted."""
    if _limiter().hit(item, name, whose):
        return 0
    reset_at = _limiter().get_window_stats(item, name, whose).reset_time
    return max(math.ceil(reset_at - time.time()), 1)


@cache
def _limiter() -> SlidingWindowCounterRateLimiter:
    """Connects at the first use, which is after a fork."""
    url = settings.results.replace("redis+socket://", "redis+unix://", 1)
    storage = RedisStorage(
        url, wrap_exceptions=True, key_prefix="shopflow-limits", socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]
    )  # fmt: skip
    return SlidingWindowCounterRateLimiter(storage)


def _report(error: Exception | None) -> None:
    global _fault, _logged_at
    if error is None:
        _fault = None
        return
    if not isinstance(error, CircuitBreakerError):
        _fault = str(error)
    if time.monotonic() - _logged_at >= LOG_INTERVAL:
        _logged_at = time.monotonic()
        log.warning("requests are not limited: Redis does not respond: %s", error)


def _caller() -> str:
    return str(g.principal.key_id or g.principal.user_id)
