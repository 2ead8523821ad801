"""Tells a run that merely waits its turn in a long queue from one whose message was lost."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kombu.exceptions import ChannelError

from durable import config
from durable.plan import Call
from durable.tables import RunRecord

PER_SECOND = 200  # messages that a queue is served in a second, at the very best


class Queues:
    """Lengths of the queues, over one connection that is kept between sweeps."""

    def __init__(self) -> None:
        self.connection: Any = None

    def lengths(self) -> dict[str, int]:
        """Messages that wait in each queue. Raises what the broker's client raises when the broker is away."""
        return {queue: self.length(queue) for queue in config.options().queues}

    def length(self, queue: str) -> int:
        """Messages that wait in one queue."""
        if self.connection is None:
            self.connection = config.current().app.connection_for_read()
        try:
            return int(self.connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
        except ChannelError:
            return 0  # Redis knows no empty queue, RabbitMQ none that nobody has declared; its channel is opened again

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Backlog:
    """What is waiting in the queues, and how far each of them was served."""

    def __init__(self, lengths: Mapping[str, int], served: Mapping[str, datetime]) -> None:
        self.lengths, self.served = lengths, served
        self.waiting: Counter[str] = Counter()  # runs of this sweep whose service does not answer, by queue

    def pause(self, run: RunRecord, calls: Iterable[Call]) -> float | None:
        """Seconds until another look at a run that waits its turn, or None if it is to be published again.

        Queues are first in, first out: a message is lost if its queue is empty, or if a message that was published
        after it has already been served.
        """
        queues = {call.step.queue for call in calls}
        if run.published_at is None or any(self._is_past(queue, run.published_at) for queue in queues):
            return None
        return min(config.options().lease + max(self.lengths.get(queue, 0) for queue in queues) / PER_SECOND, 60.0)

    def _is_past(self, queue: str, published_at: datetime) -> bool:
        served = self.served.get(queue)
        return self.lengths.get(queue, 0) == 0 or (served is not None and served > published_at)
