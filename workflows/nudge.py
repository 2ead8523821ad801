"""Publishes what a transaction has started, right after its commit. Only a nudge: the row remains."""

import logging
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from models import runs
from models.database import transaction
from tasks.app import app
from workflows.continuation import left_of
from workflows.engine import FRESH, WORKFLOWS, Call, canvas, plan

log = logging.getLogger(__name__)

PAUSE = 2.0  # seconds without a nudge after one that failed: requests must not wait for a broker that is away
_silent_until = 0.0


@event.listens_for(Session, "after_commit")
def _nudge(session: Session) -> None:
    for run_id, workflow, generation in session.info.pop("nudge", ()):
        publish(run_id, generation, plan(WORKFLOWS[workflow], FRESH) if generation == 0 else _left(run_id, generation))


def publish(run_id: str, generation: int, stages: list[list[Call]]) -> bool:
    """Publishes what is left of a run, once and quickly. False if the broker did not take it: the dispatcher
    will find the run when its lease is over."""
    global _silent_until
    if not stages or time.monotonic() < _silent_until:
        return False
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
    return (*connection.connection_errors, *connection.channel_errors, OSError)


def _left(run_id: str, generation: int) -> list[list[Call]]:
    with transaction() as session:
        run = runs.lock(session, run_id, generation)
        return left_of(session, run) if run else []
