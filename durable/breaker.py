"""Circuit breakers: calls to an unavailable service are suspended, and its runs wait without occupying processes.

There is one breaker (pybreaker) per queue with external calls. All processes share its state in PostgreSQL. Closed:
calls are made. After some consecutive failures it opens: one trial call at a time is made, after a pause, until one
succeeds. A trial of a service that hangs takes longer than the pause; no second trial is made meanwhile.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from pybreaker import (
    STATE_CLOSED,
    STATE_HALF_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitBreakerState,
)
from pybreaker import CircuitBreakerStorage as Storage
from sqlalchemy import Connection, String, TextClause, bindparam, select, text
from sqlalchemy.exc import SQLAlchemyError

from durable import config
from durable.database import statements
from durable.errors import StepTimeout, Unavailable
from durable.tables import BreakerRecord

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

TRIAL = 20.0  # seconds after which a trial without a result is considered dead; hanging services take about ten
FRESH = 1.0  # seconds for which a process caches the state

_READ = text("""
    SELECT state, failures, opened_at, extract(epoch FROM clock_timestamp() - opened_at)::float AS open_for
    FROM workflow.breaker WHERE queue = :queue
""")
_SAVE = """INSERT INTO workflow.breaker AS breaker (queue, state, failures) VALUES (:queue, 'closed', {failures})
    ON CONFLICT (queue) DO UPDATE SET {change}"""
_FAILED = text(_SAVE.format(failures=1, change="failures = breaker.failures + 1") + " RETURNING failures")
_RESET = text(_SAVE.format(failures=0, change="failures = 0"))
_STATE = text(
    _SAVE.format(failures=0, change="state = :state, error = CASE WHEN :state <> 'closed' THEN breaker.error END")
).bindparams(bindparam("state", type_=String))  # otherwise PostgreSQL infers conflicting types
_OPENED = text(_SAVE.format(failures=0, change="opened_at = clock_timestamp()"))
_ERROR = text(_SAVE.format(failures=0, change="error = :error"))
_CLAIM = text("""
    UPDATE workflow.breaker SET state = 'half-open', opened_at = clock_timestamp()
    WHERE queue = :queue AND state <> 'closed' AND opened_at < clock_timestamp() -
        make_interval(secs => CASE state WHEN 'half-open' THEN :trial ELSE :pause END)
    RETURNING queue
""")


@dataclass
class _State:
    state: str = STATE_CLOSED
    failures: int = 0
    opened_at: datetime | None = None
    open_for: float = 0.0


class _SharedStorage(Storage):
    """The state of a breaker in PostgreSQL. Without the database, the last state that this process has read."""

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self.known, self.read_at = _State(), -FRESH

    def read(self, *, now: bool = False) -> _State:
        if now or time.monotonic() - self.read_at >= FRESH:
            self.read_at = time.monotonic()
            found = self.execute(_READ)
            if found is not None:
                self.known = _State(*found[0]) if found else _State()
        return self.known

    def execute(self, statement: TextClause, **values: object) -> Sequence[Any] | None:
        """Returns the rows, or None without the database. Never raises: the result of a call must not be lost because
        its success could not be recorded."""
        try:
            with statements() as connection:
                found = connection.execute(statement, {"queue": self.name, **values})
                return found.all() if found.returns_rows else ()
        except SQLAlchemyError as error:
            log.warning("the state of the breaker of %s could not be saved: %s", self.name, error)
            return None

    @property
    def state(self) -> str:
        return self.read().state

    @state.setter
    def state(self, state: str) -> None:
        self.known.state = state
        self.execute(_STATE, state=state)

    def increment_counter(self) -> None:
        found = self.execute(_FAILED)
        self.known.failures = found[0][0] if found else self.known.failures + 1

    def reset_counter(self) -> None:
        if self.known.failures:
            self.known.failures = 0
            self.execute(_RESET)

    @property
    def counter(self) -> int:
        return self.known.failures

    @property
    def success_counter(self) -> int:
        return 1  # one successful trial closes the breaker

    @property
    def opened_at(self) -> datetime | None:
        return self.known.opened_at

    @opened_at.setter
    def opened_at(self, opened_at: datetime) -> None:
        self.known.opened_at = opened_at
        self.execute(_OPENED)


class _Listener(CircuitBreakerListener):
    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:
        _storages[str(cb.name)].execute(_ERROR, error=str(exc)[:300])

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        log.warning("the breaker of %s is %s", cb.name, new_state.name)


def _is_no_failure(error: BaseException) -> bool:
    """A refusal is a response, and a bug is ours."""
    return not isinstance(error, Unavailable | StepTimeout | SoftTimeLimitExceeded)


_breakers: dict[str, CircuitBreaker] = {}
_storages: dict[str, _SharedStorage] = {}


def _breaker(queue: str) -> CircuitBreaker:
    if queue not in _breakers:
        options = config.options()
        _storages[queue] = _SharedStorage(queue)
        _breakers[queue] = CircuitBreaker(
            fail_max=options.breaker_failures, reset_timeout=options.breaker_pause, name=queue, listeners=[_Listener()],
            exclude=[_is_no_failure], state_storage=_storages[queue], throw_new_error_on_trip=False,
        )  # fmt: skip
    return _breakers[queue]


def call(queue: str, function: Callable[[], Answer]) -> Answer:
    """Calls the function and records success or failure. Raises what the function raises."""
    try:
        return _breaker(queue).call(function)
    except CircuitBreakerError as error:
        raise Unavailable(f"{queue} does not respond; retrying in a few seconds") from error


def is_closed(queue: str) -> bool:
    """Whether the breaker is closed, as far as this process knows."""
    _breaker(queue)
    return _storages[queue].state == STATE_CLOSED


def pause(queue: str) -> float | None:
    """Seconds until the next trial; None if the breaker is closed or a trial is due."""
    _breaker(queue)
    known = _storages[queue].read()
    if known.state == STATE_CLOSED:
        return None
    longest = config.options().breaker_pause
    left = (TRIAL if known.state == STATE_HALF_OPEN else longest) - known.open_for
    return min(left, longest) if left > 0 else None


def may_call(queue: str) -> bool:
    """Whether this process may make a call now: the breaker is closed, or the call is the trial."""
    if is_closed(queue):
        return True
    claimed = _storages[queue].execute(_CLAIM, pause=config.options().breaker_pause, trial=TRIAL)
    _storages[queue].read(now=True)
    return bool(claimed)


def open_breakers(connection: Connection) -> dict[str, str]:
    """Queue → last error, for all open breakers."""
    query = select(BreakerRecord.queue, BreakerRecord.error).where(BreakerRecord.state != STATE_CLOSED)
    return {queue: error or "no response" for queue, error in connection.execute(query)}
