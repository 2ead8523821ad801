"""Hands what is left of a run to the broker. Only a nudge: the run's row remains, whatever becomes of it."""

import logging
import time
from typing import Any

from kombu.exceptions import OperationalError

from tasks.app import app
from tasks.crash import crash_point
from workflows.engine import Call, canvas

log = logging.getLogger(__name__)

PAUSE = 2.0  # seconds without a try after one that failed: requests must not wait for a broker that is away
_silent_until = 0.0


def publish(run_id: str, generation: int, stages: list[list[Call]]) -> bool:
    """Publishes the next stretch of a run, once and quickly. False if the broker did not take it: the
    dispatcher will find the run when its lease is over."""
    global _silent_until
    if not stages or time.monotonic() < _silent_until:
        return False
    crash_point("before-publish", stages[0][0].name)
    try:
        canvas(run_id, generation, stages).apply_async(retry=False)
    except broker_errors() as error:
        _silent_until = time.monotonic() + PAUSE
        log.warning("run %s is left to the dispatcher: the broker did not take its message: %s", run_id, error)
        return False
    return True


def broker_errors() -> tuple[type[BaseException], ...]:
    """What the broker's client raises when the broker is away."""
    connection: Any = app.connection_for_write()
    return (OperationalError, *connection.connection_errors, *connection.channel_errors, OSError)
