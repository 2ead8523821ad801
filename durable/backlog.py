"""Distinguishes runs that wait in a long queue from runs whose message was lost."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kombu.exceptions import ChannelError

from durable import config
from durable.plan import Call
from durable.tables import RunRecord

PER_SECOND = 200  # messages per second and queue, an upper bound of the throughput


class Queues:
    """Reads queue lengths, over one connection that is kept between sweeps."""

    def __init__(self) -> None:
        self.connection: Any = None

    def lengths(self) -> dict[str, int]:
        """Waiting messages per queue. Raises the errors of the broker's client (`broker_errors`)."""
        return {queue: self.length(queue) for queue in config.options().queues}

    def length(self, queue: str) -> int:
        """Waiting messages in one queue."""
        if self.connection is None:
            self.connection = config.current().app.connection_for_read()
        try:
            return int(self.connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
        except ChannelError:
            return 0  # empty queues do not exist in Redis, undeclared ones in RabbitMQ; kombu reopens the channel

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Backlog:
    """Queue lengths, and the publication time of the last served message of each queue."""

    def __init__(self, lengths: Mapping[str, int], served: Mapping[str, datetime]) -> None:
        self.lengths, self.served = lengths, served
        self.waiting: Counter[str] = Counter()  # queue → runs of this sweep that wait for its service

    def pause(self, run: RunRecord, calls: Iterable[Call]) -> float | None:
        """Seconds for which a run should wait for its turn; None if it is to be published again.

        Queues are first in, first out: a message is lost if its queue is empty, or if a message that was published
        later has been served.
        """
        queues = {call.step.queue for call in calls}
        if run.published_at is None or any(self._is_past(queue, run.published_at) for queue in queues):
            return None
        return min(config.options().lease + max(self.lengths.get(queue, 0) for queue in queues) / PER_SECOND, 60.0)

    def _is_past(self, queue: str, published_at: datetime) -> bool:
        served = self.served.get(queue)
        return self.lengths.get(queue, 0) == 0 or (served is not None and served > published_at)
