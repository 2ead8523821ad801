"""Publishing: building Celery canvases of the remaining steps, and sending them after a commit.

A message is only a hint: the run's row remains if it is lost.
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

PAUSE = 2.0  # seconds without publishing after a failure, so that requests do not wait for the broker
_silent_until = 0.0
_PENDING = "durable.publications"


def canvas(run_id: str, generation: int, stages: list[list[Call]]) -> Signature:
    """The next part of a run: a chain that ends before the next parallel stage, or that stage as a chord.

    Chords are built by the worker that reaches them: with a Redis result backend, freezing a chord subscribes the
    process to every result and triples the time of publishing. Parallel steps at the end of a compensation are a group:
    the worker of the last one ends the run.
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
    """Publishes the next part of a run, without retries. Returns False on a broker error: a dispatcher publishes the
    run when its lease expires."""
    global _silent_until
    if not stages or time.monotonic() < _silent_until:
        return False
    crash_point("before-publish", stages[0][0].name, run_id)
    made = canvas(run_id, generation, stages)
    try:
        made.apply_async(retry=False)
    except broker_errors() as error:
        _silent_until = time.monotonic() + PAUSE
        log.warning("run %s is left to the dispatcher: its message could not be sent: %s", run_id, error)
        return False
    return True


def broker_errors() -> tuple[type[BaseException], ...]:
    """The exceptions of the broker's client when the broker is unavailable.

    Kombu includes KeyError and similar among the errors of Redis; for us they are bugs.
    """
    connection: Any = config.current().app.connection_for_write()
    found = (OperationalError, *connection.connection_errors, *connection.channel_errors, OSError)
    return tuple(error for error in found if not issubclass(error, LookupError | ValueError | TypeError))


def publish_after_commit(session: Session, run_id: str, generation: int, stages: list[list[Call]]) -> None:
    """Publishes this part of a run after the session's transaction commits; not if it rolls back."""
    session.info.setdefault(_PENDING, []).append((run_id, generation, stages))


@event.listens_for(Session, "after_commit")
def _publish_pending(session: Session) -> None:
    """Never raises: the run is committed, and a dispatcher publishes it if the message is lost."""
    for run_id, generation, stages in session.info.pop(_PENDING, ()):
        try:
            publish(run_id, generation, stages)
        except Exception:
            log.exception("run %s is left to the dispatcher: its message could not be published", run_id)


@event.listens_for(Session, "after_rollback")
def _drop_pending(session: Session) -> None:
    session.info.pop(_PENDING, None)
