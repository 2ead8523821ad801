"""The feed of public events as server-sent events."""

import json
import time
from collections.abc import Iterator

from flask import Response, request

from api.http import event_stream
from models.core import event_feed
from models.core.database import single_statements
from models.core.event_feed import PublicEvent
from serving.bounds import invalid

BATCH, WINDOW = 100, 10_000
"""Events that one read returns, and looks at."""
HEADER = {
    "in": "header",
    "name": "Last-Event-ID",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    "description": "Position of the last event that was received",
    "example": "17",
}


def stream(after: int | None = None, type: str | None = None, subject: str | None = None) -> Response:
    """Streams the feed after a position; 503 if this process has too many streams. Raises Invalid."""
    given = request.headers.get("Last-Event-ID")
    if given is not None:
        if not (given.isascii() and given.isdigit() and len(given) <= 18):
            raise invalid({"Last-Event-ID": ["is not the position of an event"]})
        after = int(given)
    if after is None:
        with single_statements() as connection:
            after = event_feed.last_position(connection)
    first = after
    return event_stream.respond(lambda: _events(first, type, subject))


def _events(after: int, type: str | None, subject: str | None) -> Iterator[str]:
    until = time.monotonic() + event_stream.MAX_DURATION
    while time.monotonic() < until:
        with single_statements() as connection:
            # The window bounds the time for a type that is rare.
            last = min(event_feed.last_position(connection), after + WINDOW)
            types = None if type is None else [type]
            found = event_feed.read_after(connection, after, until=last, types=types, subject=subject, limit=BATCH)
        for event in found:
            yield _text(event)
        has_more = len(found) == BATCH or last == after + WINDOW
        after = found[-1].position if len(found) == BATCH else max(last, after)
        yield ""
        if not has_more:
            time.sleep(event_stream.POLL_INTERVAL)


def _text(event: PublicEvent) -> str:
    return f"id: {event.position}\nevent: {event.type}\ndata: {json.dumps(event.envelope())}\n\n"
