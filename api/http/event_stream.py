"""Server-sent events (WHATWG HTML, section 9.2): a run, told anew each time that it has changed."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flask import Response, stream_with_context
from sqlalchemy.exc import OperationalError

from api.http.errors import problem
from api.http.run_waiter import take_stream, watch

log = logging.getLogger(__name__)

LONGEST = 300.0  # seconds; whoever wants more asks again, and has to be allowed to again
HEARTBEAT = 10.0  # seconds of silence after which a comment shows that both ends are there
PULSE = 1.0  # seconds between two looks at the steps; the end is heard of at once
RETRY_AFTER = 5  # seconds
END = "end"


@dataclass(frozen=True)
class State:
    """What is told of a run: one line of JSON, and whether it has ended."""

    line: str
    ended: bool


def of_run(run_id: str, look: Callable[[], State]) -> Response:
    """The stream of a run, or 503 if this process has as many as it bears. `look` reads the run's state."""
    give_back = take_stream()
    if give_back is None:
        detail = "Too many streams are open; ask again shortly, or ask for the task with ?wait=."
        return problem(503, "too_many_streams", detail, retry_after=RETRY_AFTER)
    response = Response(
        stream_with_context(_told(run_id, look)), mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
    response.call_on_close(give_back)  # a generator that was never begun is never finished
    return response


def _told(run_id: str, look: Callable[[], State]) -> Iterator[str]:
    yield "retry: 1000\n\n"
    last, spoken = "", time.monotonic()
    for _ in watch(run_id, LONGEST, PULSE):
        try:
            state = look()
        except OperationalError as error:
            log.warning("the stream of %s is cut short: %s", run_id, str(error.orig).splitlines()[0])
            return  # the client asks again
        if state.line != last or state.ended:
            last, spoken = state.line, time.monotonic()
            yield f"id: {END if state.ended else 'go'}\ndata: {state.line}\n\n"
        elif time.monotonic() - spoken > HEARTBEAT:
            spoken = time.monotonic()
            yield ": here\n\n"
        if state.ended:
            return
