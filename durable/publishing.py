"""Celery canvases of what is left of a run: built, published, and published after a commit.

A message is only a hint: the run's row remains, whatever becomes of it.
"""

import logging
import time
from typing import Any

from celery import Signature, chain, chord, group
from kombu.exceptions import OperationalError
from sqlalchemy import event
from sqlalchemy.orm import Session

from durable import config
from durable.plan import Call
from durable.testing import crash_point

log = logging.getLogger(__name__)

PAUSE = 2.0  # seconds without a try after one that failed: requests must not wait for a broker that is away
_silent_until = 0.0
_PENDING = "durable.publications"


def canvas(run_id: str, generation: int, stages: list[list[Call]]) -> Signature:
    """The next part of a run: a chain up to the next parallel stage, or that stage as a chord.

    Chords are built by the worker that reaches them: freezing one in a process with a Redis result backend
    subscribes it to every result, and makes publishing three times slower. Steps side by side at the very end of a
    compensation are a group: nothing follows them, and the worker of the last one ends the run.
    """
    if len(stages[0]) > 1:
        header = [_signature(run_id, generation, call) for call in stages[0]]
        return chord(header, _signature(run_id, generation, stages[1][0])) if len(stages) > 1 else group(header)
    links: list[Signature] = []
    for stage in stages:
        if len(stage) > 1:
            break
        links.append(_signature(run_id, generation, stage[0]))
    return chain(*links) if len(links) > 1 else links[0]


def _signature(run_id: str, generation: int, call: Call) -> Signature:
    task = config.current().app.tasks[call.step.name]
    task_id = f"{run_id}:{generation}:{call.name}"
    return task.si(run_id, generation, call.name).set(task_id=task_id, queue=call.step.queue)


def publish(run_id: str, generation: int, stages: list[list[Call]]) -> bool:
    """Publishes the next part of a run, once and quickly. False if the broker did not take it: a dispatcher will
    find the run when its lease is over."""
    global _silent_until
    if not stages or time.monotonic() < _silent_until:
        return False
    crash_point("before-publish", stages[0][0].name, run_id)
    made = canvas(run_id, generation, stages)
    try:
        made.apply_async(retry=False)
    except broker_errors() as error:
        _silent_until = time.monotonic() + PAUSE
        log.warning("run %s is left to the dispatcher: the broker did not take its message: %s", run_id, error)
        return False
    return True


def broker_errors() -> tuple[type[BaseException], ...]:
    """What the broker's client raises when the broker is away.

    Kombu counts KeyError and its like among Redis' errors; to us they are bugs.
    """
    connection: Any = config.current().app.connection_for_write()
    found = (OperationalError, *connection.connection_errors, *connection.channel_errors, OSError)
    return tuple(error for error in found if not issubclass(error, LookupError | ValueError | TypeError))


def publish_after_commit(session: Session, run_id: str, generation: int, stages: list[list[Call]]) -> None:
    """Publishes this part of a run once the session's transaction is committed, and not if it is rolled back."""
    session.info.setdefault(_PENDING, []).append((run_id, generation, stages))


@event.listens_for(Session, "after_commit")
def _publish_pending(session: Session) -> None:
    """Never raises: what is committed is accepted, whatever becomes of its message."""
    for run_id, generation, stages in session.info.pop(_PENDING, ()):
        try:
            publish(run_id, generation, stages)
        except Exception:
            log.exception("run %s is left to the dispatcher: its message could not be published", run_id)


@event.listens_for(Session, "after_rollback")
def _forget_pending(session: Session) -> None:
    session.info.pop(_PENDING, None)
