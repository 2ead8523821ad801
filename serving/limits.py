"""Limits of requests per network or caller, kept in Redis.

They protect against floods, and are not a promise: while Redis does not respond, everything is let through, a warning
is logged once a minute, and `/readyz` says so. Password attempts are limited in PostgreSQL (decision 5).
"""

import logging
import math
import time
from functools import cache

import limits
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pybreaker import CircuitBreaker, CircuitBreakerError
from redis.backoff import NoBackoff
from redis.retry import Retry

from models.core.errors import TooManyRequests
from settings import settings

log = logging.getLogger(__name__)


TIMEOUT = 0.25  # seconds for Redis to respond


FAILURES, PAUSE = 3, 10.0  # after so many failures, Redis is not asked for so many seconds


LOG_INTERVAL = 60.0  # seconds


_breaker = CircuitBreaker(fail_max=FAILURES, reset_timeout=PAUSE)


_fault: str | None = None


_logged_at = -LOG_INTERVAL


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
