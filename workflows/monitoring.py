"""Task events for Flower: those of the steps that a worker performs in place, and fewer messages for all others."""

import logging
import os
import time
from contextlib import suppress
from typing import Any

from celery import bootsteps
from celery.events import EventDispatcher

from tasks.app import app
from workflows.engine import Call
from workflows.publishing import broker_errors

log = logging.getLogger(__name__)

NOT_DONE = "refused, waiting, or to be tried again: see `shop runs show`"
PAUSE = 0.2  # seconds between two messages with events
_dispatchers: dict[int, EventDispatcher] = {}  # process id → its dispatcher: a connection must not cross a fork


class StepEvents:
    """The events of one message's further steps, sent together at its end. Without events, it does nothing."""

    def __init__(self, hostname: str | None) -> None:
        self.dispatcher = _dispatcher(hostname) if hostname and app.conf.worker_send_task_events else None

    def note(self, call: Call, run_id: str, generation: int, began: float, *, done: bool) -> None:
        """One step: `began` in seconds since the epoch; not `done` covers refused, parked and failed alike."""
        if self.dispatcher is None:
            return
        task: dict[str, Any] = {"uuid": f"{run_id}:{generation}:{call.name}", "name": call.step.name}
        task |= {"args": repr([run_id, generation, call.name]), "kwargs": "{}", "root_id": run_id, "retries": 0}
        took = time.time() - began
        send = self.dispatcher.send
        send("task-received", timestamp=began, **task)
        send("task-started", timestamp=began, uuid=task["uuid"])
        if done:
            send("task-succeeded", uuid=task["uuid"], runtime=took, result="None")
        else:
            send("task-failed", uuid=task["uuid"], exception=NOT_DONE, traceback="")

    def send(self) -> None:
        """Sends what was noted, as one message. Nothing depends on it: without a broker it is dropped."""
        if self.dispatcher is None:
            return
        try:
            self.dispatcher.flush()
        except Exception as error:  # noqa: BLE001, monitoring must never fail the work that it watches
            log.warning("events were dropped: %s", error)
            _dispatchers.clear()


class EventBatches(bootsteps.StartStopStep):
    """Sends the events of the worker's main process five times a second, or when 24 have gathered.

    Celery sends them whenever its loop comes round, which under load is a message for each. When something has
    happened is in the event, so Flower shows the same times.
    """

    requires = ("celery.worker.consumer.events:Events",)

    def start(self, c: Any) -> None:
        """For each connection to the broker, as each has a dispatcher of its own."""
        self.due = False
        if c.hub is not None:
            c.event_dispatcher.on_send_buffered = lambda: self._soon(c)

    def shutdown(self, c: Any) -> None:
        """What is left, before the step that this one requires closes the dispatcher."""
        with suppress(*broker_errors()):
            self._send(c)

    def _soon(self, c: Any) -> None:
        if not self.due:
            self.due = True
            c.hub.call_later(PAUSE, self._send, c)

    def _send(self, c: Any) -> None:
        self.due = False
        if c.event_dispatcher is not None:
            c.event_dispatcher.flush()


app.steps["consumer"].add(EventBatches)


def _dispatcher(hostname: str) -> EventDispatcher:
    dispatcher = _dispatchers.get(os.getpid())
    if dispatcher is None:
        _dispatchers.clear()
        connection = app.connection_for_write()
        dispatcher = app.events.Dispatcher(
            connection, hostname=hostname, buffer_while_offline=False, buffer_group={"task"}, buffer_limit=100
        )
        _dispatchers[os.getpid()] = dispatcher
    return dispatcher
