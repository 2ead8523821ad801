"""The Celery application that every worker, the API, beat and Flower share."""

import logging
import time
from typing import Any

from celery import Celery, bootsteps
from celery.signals import before_task_publish, setup_logging, worker_process_init

from models.database import forget_engine
from settings import settings

app = Celery("shopflow")
app.config_from_object("celeryconfig")


class ChildWatch(bootsteps.StartStopStep):
    """Looks for dead children five times a second, gives their messages back and replaces them.

    The pool looks when a child's pipe closes, which can be a moment before the child counts as dead, and then
    again after five seconds (celery/concurrency/asynpool.py, `_event_process_exit` and `timers`).
    """

    requires = ("celery.worker.components:Pool",)

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        hub.call_repeatedly(0.2, worker.pool.maintain_pool)


app.steps["worker"].add(ChildWatch)


@before_task_publish.connect
def _stamp(headers: dict[str, Any], **_: Any) -> None:
    """Says when each message was published: the dispatcher tells a backlog from a loss by it."""
    headers["published_at"] = time.time()


@worker_process_init.connect
def _own_engine(**_: Any) -> None:
    forget_engine()


@setup_logging.connect
def configure_logging(**_: Any) -> None:
    """One line per event on standard error, for the supervisor or the container to keep."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")
    logging.getLogger("stripe").setLevel("WARNING")  # its INFO is two lines for every call
