"""Task events for Flower: those of the steps that a worker performs in place, and fewer messages for all others."""

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from celery import Celery, bootsteps
from celery.events import EventDispatcher
from celery.signals import worker_process_shutdown
from kombu.asynchronous import Hub

from durable import config
from durable.plan import Call
from durable.publishing import broker_errors

log = logging.getLogger(__name__)

NOT_DONE = "refused, waiting, or to be retried: see the run"
PAUSE = 0.2  # seconds between two messages with events


class StepEvents:
    """The events of the steps that this process performs in place, sent `PAUSE` seconds after the first of them.

    By a thread of their own, so that no step waits for them. Nothing depends on them: without a broker they are
    dropped, and with a killed worker those of its last fifth of a second.
    """

    def __init__(self, hostname: str | None) -> None:
        self.process, self.hostname, self.due = os.getpid(), hostname, False
        self.dispatcher = self._connected()

    def note(self, call: Call, run_id: str, generation: int, began: float, *, done: bool) -> None:
        """One step: `began` in seconds since the epoch; not `done` covers refused, suspended and failed alike."""
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
        if not self.due:
            self.due = True
            timer = threading.Timer(PAUSE, self.send)
            timer.daemon = True
            timer.start()

    def send(self) -> None:
        """Sends what was noted, as one message."""
        self.due = False
        try:
            self.dispatcher.flush()
        except Exception as error:  # noqa: BLE001, monitoring must never fail the work that it watches
            log.warning("events were dropped: %s", error)
            self.dispatcher = self._connected()

    def _connected(self) -> EventDispatcher:
        """With its own connection, once there is something to send. It never sends by itself."""
        app = config.current().app
        made: EventDispatcher = app.events.Dispatcher(
            app.connection_for_write(), hostname=self.hostname, buffer_while_offline=False, buffer_group={"task"},
            buffer_limit=sys.maxsize,
        )  # fmt: skip
        return made


_ours: StepEvents | None = None


def of_worker(hostname: str | None) -> StepEvents | None:
    """This process' own, for a connection must not cross a fork; None if no events are wanted."""
    global _ours
    if not config.options().task_events:
        return None
    if _ours is None or _ours.process != os.getpid():
        _ours = StepEvents(hostname)
    return _ours


@worker_process_shutdown.connect
def _send_the_last(**_: object) -> None:
    if _ours is not None and _ours.process == os.getpid():
        _ours.send()


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


class ChildWatch(bootsteps.StartStopStep):
    """Looks for dead children five times a second, gives their messages back and replaces them.

    The pool looks when a child's pipe closes, which can be a moment before the child counts as dead, and then
    again after five seconds (celery/concurrency/asynpool.py, `_event_process_exit` and `timers`).
    """

    requires = ("celery.worker.components:Pool",)

    def register_with_event_loop(self, worker: Any, hub: Hub) -> None:
        hub.call_repeatedly(0.2, worker.pool.maintain_pool)


def install(app: Celery) -> None:
    """Adds to the application's workers what the engine needs of them."""
    app.steps["worker"].add(ChildWatch)
    app.steps["consumer"].add(EventBatches)
