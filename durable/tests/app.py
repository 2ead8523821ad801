"""The Celery application of these tests, for the test process and for its workers (`-A durable.tests.app`)."""

import json
import os
from functools import lru_cache
from typing import Any

from celery import Celery
from kombu import Queue
from sqlalchemy import Engine, create_engine, make_url

import durable

DATABASE, BROKER, OPTIONS = "DURABLE_TEST_DATABASE_URL", "DURABLE_TEST_BROKER_URL", "DURABLE_TEST_OPTIONS"
QUEUES = ("bank", "clearing", "mail", "trips", "booking", "odd", "album")
LEASE, ATTEMPTS = 1.0, 3

app = Celery(
    "durable-tests", broker=os.environ[BROKER], backend=os.environ[BROKER], include=["durable.tests.workflows"]
)
app.conf.update(
    task_queues=[Queue(name, routing_key=name) for name in QUEUES],
    task_create_missing_queues=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_lost_wait=0.2,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 60, "socket_timeout": 5, "socket_connect_timeout": 2},
)


@lru_cache(maxsize=1)
def _engine(pid: int) -> Engine:
    url = make_url(os.environ[DATABASE]).set(drivername="postgresql+psycopg")
    return create_engine(url, pool_pre_ping=True)


def engine() -> Engine:
    """The engine of this process; connections do not survive a fork."""
    return _engine(os.getpid())


def options(**changes: Any) -> durable.Options:
    chosen = {"lease": LEASE, "sweep": 0.2, "attempts": ATTEMPTS, "continue_for": 2.0, "longest_pause": 2.0,
              "breaker_pause": 1.0, "breaker_failures": 100, "task_events": False}  # fmt: skip
    return durable.Options(queues=QUEUES, **{**chosen, **json.loads(os.environ.get(OPTIONS, "{}")), **changes})


durable.configure(app, engine, options())
