"""`configure`: the one call that gives the engine its Celery application, its database and its options."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from celery import Celery
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from durable.tables import RunRecord

OnStuck = Callable[[Session, RunRecord, str], None]
"""Called once, in the dispatcher's transaction, with a run record that needs a person and the step that it is at."""


def _nobody(session: Session, run: RunRecord, step: str) -> None:
    """The log is all that tells of a stuck run."""


@dataclass(frozen=True)
class Options:
    """What can be set. Times are seconds."""

    queues: Sequence[str]
    lease: float = 5.0  # after this long without a sign of life a run counts as lost
    sweep: float = 1.0  # between two looks of a dispatcher
    attempts: int = 5  # failures in a row, after which a run is compensated or called stuck
    continue_for: float = 5.0  # a worker goes on with a run for this long before it publishes the rest
    stuck_after: float = 900.0  # a run that has only been failing for this long is called stuck
    record_for: float = 20.0  # the answer of a call outside is kept for this long while the database is away
    longest_pause: float = 60.0  # between two attempts
    breaker_failures: int = 3  # calls in a row that were not answered, after which a service is left alone
    breaker_pause: float = 5.0  # until it is tried again
    in_place: Sequence[str] = ()  # queues whose calls a worker may make in place although it does not consume them
    slots: str = ""  # folder in which the processes of a machine agree who may; empty: the system's temporary one
    task_events: bool = True
    request_id: Callable[[], str | None] = lambda: None  # written onto the runs that a request starts
    on_stuck: OnStuck = _nobody


@dataclass(frozen=True)
class Configuration:
    app: Celery
    engine: Callable[[], Engine]
    options: Options


_current: Configuration | None = None


def configure(app: Celery, engine: Callable[[], Engine], options: Options) -> None:
    """Makes `app` perform the workflows that are declared from now on, and those that have been already.

    `engine` returns this process' SQLAlchemy engine for PostgreSQL; after a fork it must return a new one.
    """
    global _current
    _current = Configuration(app, engine, options)
    from durable import task_events, workflow  # they read the configuration that has just been made

    task_events.install(app)
    workflow.register_tasks()


def current() -> Configuration:
    """The configuration. Raises RuntimeError before `configure` was called."""
    if _current is None:
        raise RuntimeError("durable.configure(app, engine, options) has not been called in this process")
    return _current


def is_configured() -> bool:
    return _current is not None


def options() -> Options:
    return current().options
