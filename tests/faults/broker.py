"""The tests' Redis, as only a test looks at it."""

import redis

from settings import QUEUES, settings


def client() -> redis.Redis:
    return redis.Redis(unix_socket_path=settings.broker.removeprefix("redis+socket://"))


def waiting() -> int:
    """Messages in all queues."""
    return sum(int(client().llen(queue)) for queue in QUEUES)


def published() -> int:
    """How many messages were ever put into a queue; the events for Flower go another way (PUBLISH)."""
    return int(client().info("commandstats").get("cmdstat_lpush", {}).get("calls", 0))
