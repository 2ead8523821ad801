"""The newest events of the feed in memory, so that they are read once for all endpoints."""

import json
from bisect import bisect_right
from collections import deque
from collections.abc import Collection
from itertools import islice
from typing import NamedTuple

from models.core import event_feed
from models.core.database import Statements
from models.core.event_feed import PublicEvent

SIZE = 5000  # events in memory
STEP = 1000  # events that are read at once


class Message(NamedTuple):
    """An event, and the body of the request that delivers it."""

    event: PublicEvent
    body: bytes


def encode(event: PublicEvent) -> Message:
    """The message of an event."""
    return Message(event, json.dumps(event.envelope(), separators=(",", ":")).encode())


class Window:
    """The newest events up to the position `end`. Those up to the position `start` are not in it any more."""

    def __init__(self) -> None:
        self.start = self.end = -1
        self._messages: deque[Message] = deque()

    def read(self, session: Statements, last: int) -> None:
        """Reads what is new, up to the position `last`. The first time, it begins there."""
        if self.end < 0:
            self.start = self.end = last
        found = event_feed.read_after(session, self.end, until=last, limit=STEP)
        self._messages.extend(map(encode, found))
        self.end = found[-1].position if len(found) == STEP else last
        while len(self._messages) > SIZE:
            self.start = self._messages.popleft().event.position

    def after(self, position: int, types: Collection[str], limit: int) -> tuple[list[Message], int]:
        """The first events above a position from `start` on, of these types (none: all), and the position up to which
        these are all."""
        first = bisect_right(self._messages, position, key=lambda message: message.event.position)
        wanted = (one for one in islice(self._messages, first, None) if not types or one.event.type in types)
        found = list(islice(wanted, limit))
        return found, found[-1].event.position if len(found) == limit else max(self.end, position)
