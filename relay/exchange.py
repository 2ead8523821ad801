"""Publishes the feed to a topic exchange of the broker: the routing key is the event's type.

At least once: the cursor moves when the broker has the messages. RabbitMQ confirms each; Redis has a message when it
has answered the command.
"""

import logging
import time

from kombu import Connection, Exchange, Producer

from durable.publishing import broker_errors
from models.core import event_feed
from models.core.event_feed import EXCHANGE, PublicEvent
from relay.leader import Leader
from settings import settings
from workflows import app

log = logging.getLogger(__name__)

BATCH = 200
PAUSE = 2.0  # seconds without publishing after the broker has failed
CONFIRM = 10.0  # seconds to wait for a confirmation


def exchange(name: str) -> Exchange:
    """The exchange. Consumers bind queues of their own to it."""
    return Exchange(name, type="topic", durable=True)


class Publisher:
    """Publishes what is behind the cursor, in order, on one connection to the broker."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._silent_until = 0.0

    def work(self, leader: Leader) -> bool:
        """Publishes the next events. Returns whether there are more. Errors of the broker are logged."""
        if time.monotonic() < self._silent_until:
            return False
        with leader.transaction() as session:
            until, after = event_feed.last_position(session), event_feed.read_cursor(session, EXCHANGE)
            events = event_feed.read_after(session, after, until=until, limit=BATCH) if after < until else []
        if not events:
            return False
        try:
            self._publish(events)
        except broker_errors() as error:
            log.warning("events wait for the broker: %s", error)
            self._silent_until = time.monotonic() + PAUSE
            self.close()
            return False
        with leader.transaction() as session:
            event_feed.move_cursor(session, EXCHANGE, events[-1].position)
        return len(events) == BATCH

    def close(self) -> None:
        if self._connection is not None:
            self._connection.release()
            self._connection = None

    def _publish(self, events: list[PublicEvent]) -> None:
        if self._connection is None:
            self._connection = app.connection_for_write()
        with Producer(self._connection, exchange=exchange(settings.events_exchange)) as producer:
            for event in events:
                producer.publish(
                    event.envelope(), routing_key=event.type, message_id=event.id, type=event.type,
                    serializer="json", delivery_mode=2, confirm_timeout=CONFIRM,
                )  # fmt: skip
