"""Server-sent events (WHATWG HTML, section 9.2): responses, and the state of a run, sent whenever it changes."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flask import Response, stream_with_context
from sqlalchemy.exc import OperationalError

from api.http.errors import problem
from api.http.run_waiter import acquire_stream_slot, watch

log = logging.getLogger(__name__)

MAX_DURATION = 300.0  # seconds; clients reconnect, and are authorised again
HEARTBEAT = 10.0  # seconds of silence after which a comment is sent to detect lost connections
POLL_INTERVAL = 1.0  # seconds between two reads of the steps; the end of a run is notified immediately
RETRY_AFTER = 5  # seconds
END = "end"


@dataclass(frozen=True)
class State:
    """The state of a run: one line of JSON, and whether it has ended."""

    line: str
    ended: bool


def stream_run(run_id: str, read_state: Callable[[], State]) -> Response:
    """Streams a run; 503 if this process has too many streams. `read_state` reads the run's state."""
    return respond(lambda: _events(run_id, read_state))


def respond(events: Callable[[], Iterator[str]]) -> Response:
    """Responds with a stream of the text of events; 503 if this process has too many streams."""
    release = acquire_stream_slot()
    if release is None:
        detail = "Too many streams are open; try again shortly, or poll instead."
        return problem(503, "too_many_streams", detail, retry_after=RETRY_AFTER)
    response = Response(
        stream_with_context(events()),
        mimetype="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )
    response.call_on_close(release)  # the `finally` of a generator that never started does not run
    return response


def _events(run_id: str, read_state: Callable[[], State]) -> Iterator[str]:
    yield "retry: 1000\n\n"
    last, sent_at = "", time.monotonic()
    for _ in watch(run_id, MAX_DURATION, POLL_INTERVAL):
        try:
            state = read_state()
        except OperationalError as error:
            log.warning("the stream of %s was interrupted: %s", run_id, str(error.orig).splitlines()[0])
            return  # the client reconnects
        if state.line != last or state.ended:
            last, sent_at = state.line, time.monotonic()
            yield f"id: {END if state.ended else 'go'}\ndata: {state.line}\n\n"
        elif time.monotonic() - sent_at > HEARTBEAT:
            sent_at = time.monotonic()
            yield ": here\n\n"
        if state.ended:
            return
