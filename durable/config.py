"""`configure` sets the Celery application, the database and the options of the engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from celery import Celery
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from durable.observer import Observer
from durable.tables import RunRecord

OnStuck = Callable[[Session, RunRecord, str], None]
"""Called once per stuck run, in the dispatcher's transaction, with its record and current step."""


def _ignore(session: Session, run: RunRecord, step: str) -> None:
    """By default, stuck runs are only logged."""


@dataclass(frozen=True)
class Options:
    """The options of the engine. Times are in seconds."""

    queues: Sequence[str]
    lease: float = 5.0  # a run without a heartbeat for this long is considered lost
    sweep: float = 1.0  # between sweeps of a dispatcher
    attempts: int = 5  # consecutive failures after which a run is compensated or marked as stuck
    continue_for: float = 5.0  # a worker continues a run for this long before it publishes the rest
    stuck_after: float = 900.0  # a run without progress for this long is marked as stuck
    record_for: float = 20.0  # the result of an external call is kept for this long while the database is unavailable
    longest_pause: float = 60.0  # maximum delay between attempts
    breaker_failures: int = 3  # consecutive failed calls after which a circuit breaker opens
    breaker_pause: float = 5.0  # between trials
    in_place: Sequence[str] = ()  # queues whose calls a worker may make in place without consuming them
    slots: str = ""  # folder for the lock files of calls in place; empty: the temporary folder
    task_events: bool = True
    on_stuck: OnStuck = _ignore
    observer: Observer = field(default_factory=Observer)


@dataclass(frozen=True)
class Configuration:
    app: Celery
    engine: Callable[[], Engine]
    options: Options


_current: Configuration | None = None


def configure(app: Celery, engine: Callable[[], Engine], options: Options) -> None:
    """Configures the engine of this process. Registers workflows that were declared before, and those declared later.

    `engine` returns the SQLAlchemy engine for PostgreSQL of this process; after a fork it must return a new one.
    """
    global _current
    _current = Configuration(app, engine, options)
    from durable import task_events, workflow  # late: they use the configuration

    task_events.install(app)
    workflow.register_tasks()


def current() -> Configuration:
    """Returns the configuration. Raises RuntimeError if `configure` was not called."""
    if _current is None:
        raise RuntimeError("durable.configure(app, engine, options) has not been called in this process")
    return _current


def is_configured() -> bool:
    return _current is not None


def options() -> Options:
    return current().options
