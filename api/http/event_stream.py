"""Server-sent events (WHATWG HTML, section 9.2): responses, and the state of a run, sent whenever it changes."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flask import Response, stream_with_context
from sqlalchemy.exc import OperationalError

from api.http.auth import admit_again
from api.http.errors import problem
from api.http.run_waiter import acquire_stream_slot
from durable import Refusal
from serving.run_waiter import watch

log = logging.getLogger(__name__)

MAX_DURATION = 300.0  # seconds; clients reconnect, and are authorised again
HEARTBEAT = 10.0  # seconds between checks of the access; after as much silence, a comment detects lost connections
POLL_INTERVAL = 1.0  # seconds between two reads of the steps; the end of a run is notified immediately
RETRY_AFTER = 5  # seconds
END = "end"


@dataclass(frozen=True)
class State:
    """The state of a run: one line of JSON, and whether it has ended."""

    line: str
    ended: bool


def stream_run(run_id: str, read_state: Callable[[], State]) -> Response:
    """Streams a run; 503 if this process has too many streams. `read_state` reads the run's state, and raises a
    Refusal if the caller may not see it any more."""
    return respond(lambda: _states(run_id, read_state))


def respond(events: Callable[[], Iterator[str]]) -> Response:
    """Responds with a stream of the text of events; 503 if this process has too many streams.

    `events` yields at least every few seconds, an empty text if nothing has happened. The stream ends within a
    heartbeat after the caller has lost access.
    """
    release = acquire_stream_slot()
    if release is None:
        detail = "Too many streams are open; try again shortly, or poll instead."
        return problem(503, "too_many_streams", detail, retry_after=RETRY_AFTER)
    response = Response(
        stream_with_context(_while_allowed(events())),
        mimetype="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )
    response.call_on_close(release)  # the `finally` of a generator that never started does not run
    return response


def _while_allowed(events: Iterator[str]) -> Iterator[str]:
    yield "retry: 1000\n\n"
    checked_at = sent_at = time.monotonic()
    try:
        for text in events:
            now = time.monotonic()
            if now - checked_at >= HEARTBEAT:
                admit_again()
                checked_at = now
            if text or now - sent_at >= HEARTBEAT:
                sent_at = now
                yield text or ": here\n\n"
    except Refusal as refusal:
        log.info("a stream ended: %s", refusal.code)  # the client reconnects, and gets the reason
    except OperationalError as error:
        log.warning("a stream was interrupted: %s", str(error.orig).splitlines()[0])  # the client reconnects


def _states(run_id: str, read_state: Callable[[], State]) -> Iterator[str]:
    last = ""
    for _ in watch(run_id, MAX_DURATION, POLL_INTERVAL):
        state = read_state()
        is_new = state.line != last or state.ended
        last = state.line
        yield f"id: {END if state.ended else 'go'}\ndata: {state.line}\n\n" if is_new else ""
        if state.ended:
            return
