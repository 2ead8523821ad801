"""Direct access to the tests' Redis."""

import redis

from settings import QUEUES, settings


def client() -> redis.Redis:
    return redis.Redis(unix_socket_path=settings.broker.removeprefix("redis+socket://"))


def waiting() -> int:
    """The number of messages in all queues."""
    return sum(int(client().llen(queue)) for queue in QUEUES)


def is_awaited() -> bool:
    """Whether a worker waits for messages, in BRPOP."""
    return any("b" in one["flags"] for one in client().client_list())


def published() -> int:
    """The number of messages ever queued; events for Flower use PUBLISH instead."""
    return int(client().info("commandstats").get("cmdstat_lpush", {}).get("calls", 0))
