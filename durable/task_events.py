"""Task events for Flower: events for steps performed in place, and batching of all other events."""

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

NOT_DONE = "refused, suspended or to be retried; see the run"
PAUSE = 0.2  # seconds between two batches of events


class StepEvents:
    """The events of the steps that this process performs in place, sent `PAUSE` seconds after the first.

    A thread sends them, so that no step waits for them. Nothing depends on them: without a broker they are dropped,
    and a killed worker loses those of its last fifth of a second.
    """

    def __init__(self, hostname: str | None) -> None:
        self.process, self.hostname, self.due = os.getpid(), hostname, False
        self.dispatcher = self._connected()

    def add(self, call: Call, run_id: str, generation: int, began: float, *, done: bool) -> None:
        """Adds the events of one step. `began`: epoch seconds. Not `done`: refused, suspended or failed."""
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
        """Sends the collected events as one message."""
        self.due = False
        try:
            self.dispatcher.flush()
        except Exception as error:  # noqa: BLE001, monitoring must never fail the work
            log.warning("events were dropped: %s", error)
            self.dispatcher = self._connected()

    def _connected(self) -> EventDispatcher:
        """Returns an event dispatcher with its own, lazy connection. It only sends on `flush`."""
        app = config.current().app
        made: EventDispatcher = app.events.Dispatcher(
            app.connection_for_write(), hostname=self.hostname, buffer_while_offline=False, buffer_group={"task"},
            buffer_limit=sys.maxsize,
        )  # fmt: skip
        return made


_instance: StepEvents | None = None


def step_events(hostname: str | None) -> StepEvents | None:
    """The instance of this process, because a connection must not cross a fork; None if events are disabled."""
    global _instance
    if not config.options().task_events:
        return None
    if _instance is None or _instance.process != os.getpid():
        _instance = StepEvents(hostname)
    return _instance


@worker_process_shutdown.connect
def _send_the_last(**_: object) -> None:
    if _instance is not None and _instance.process == os.getpid():
        _instance.send()


class EventBatches(bootsteps.StartStopStep):
    """Sends the events of the worker's main process five times a second, or when 24 are buffered.

    Celery sends them in each iteration of its event loop, which under load is one message per event. Each event has
    its own timestamp, so Flower shows the same times.
    """

    requires = ("celery.worker.consumer.events:Events",)

    def start(self, c: Any) -> None:
        """Called for each connection to the broker, because each has its own dispatcher."""
        self.due = False
        if c.hub is not None:
            c.event_dispatcher.on_send_buffered = lambda: self._soon(c)

    def shutdown(self, c: Any) -> None:
        """Sends the rest, before the required step closes the dispatcher."""
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
    """Checks for dead children five times a second, returns their messages to the queue and replaces the processes.

    The pool checks when a child's pipe closes, which may be shortly before the child counts as dead, and then only
    after five seconds (celery/concurrency/asynpool.py, `_event_process_exit` and `timers`).
    """

    requires = ("celery.worker.components:Pool",)

    def register_with_event_loop(self, worker: Any, hub: Hub) -> None:
        hub.call_repeatedly(0.2, worker.pool.maintain_pool)


def install(app: Celery) -> None:
    """Adds the engine's bootsteps to the application's workers."""
    app.steps["worker"].add(ChildWatch)
    app.steps["consumer"].add(EventBatches)
