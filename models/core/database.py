"""The database: one engine per process, the declarative base, and transactions."""

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    create_engine,
    event,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry

from durable.context import request_id as request_id
from settings import settings
from telemetry import metrics
from telemetry.metrics import of

SCHEMAS = (
    "workflow", "access", "accounts", "catalogue", "carts", "inventory", "payments", "orders", "notifications",
    "reports", "fulfilment", "returns", "webhooks", "pictures",
)  # fmt: skip

# A process that is suspended during a transaction must not hold its locks for more than a few seconds.
SESSION_OPTIONS = "-c timezone=UTC -c idle_in_transaction_session_timeout=5s -c lock_timeout=10s"

CONNECTION: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq parameters of every connection: a lost host or network leads to an error after about 20 s, whether a statement
is running or the connection is idle. By default, TCP takes up to two hours. In seconds, except `tcp_user_timeout`;
without effect on unix sockets."""

Statements = Session | Connection
"""For rules that only read or write with one statement: a session or `single_statements`."""


deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When what this thread does is no longer of use, on the clock of `time.monotonic`; None: never."""
VALUES = re.compile(r"\n(DETAIL|CONTEXT):[^\n]*")
CHECK_AFTER_IDLE = 1.0  # seconds of idle time after which a connection is checked before use


class Base(DeclarativeBase):
    """The declarative base, with a naming convention for constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


Created = Annotated[datetime, mapped_column(server_default=func.now())]
MinorUnits = Annotated[int, mapped_column(BigInteger)]
Currency = Annotated[str, mapped_column(String(3))]


@cache
def engine() -> Engine:
    """The engine of this process. A forked child calls `dispose_engine` first."""
    # No overflow: connections beyond the pool size would be closed after use, and opening one costs PostgreSQL a
    # process (with 32 customers, 7 of its 18 ms per order). LIFO: the most recently used one has cached plans.
    made = create_engine(
        settings.database,
        hide_parameters=True,
        pool_size=settings.database_pool + settings.api_threads,
        max_overflow=0,
        pool_use_lifo=True,
        pool_timeout=5,
        connect_args={**CONNECTION, "application_name": "shopflow", "options": SESSION_OPTIONS},
    )
    event.listen(made, "checkin", _record_checkin)
    event.listen(made, "checkout", _check_connection)
    event.listen(made, "checkout", limit_statements(0))
    event.listen(made, "checkout", _count_checkout)
    if metrics.program:
        of(metrics.POOL, metrics.program).set(settings.database_pool + settings.api_threads)
    return made


@event.listens_for(Engine, "handle_error")
def _hide_values(context: ExceptionContext) -> None:
    """Errors are logged. What PostgreSQL says of the values of a row stays out of them, as the parameters do."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args and isinstance(error.args[0], str):
            error.args = (VALUES.sub("", error.args[0]), *error.args[1:])


def _record_checkin(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    record.info["resting_since"] = time.monotonic()
    if metrics.program and record.info.pop("counted", False):
        of(metrics.CONNECTIONS, metrics.program).dec()


def _check_connection(connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: object) -> None:
    """Checks that a connection is alive if it has been idle for a while, and replaces it if not.

    SQLAlchemy's `pool_pre_ping` checks on every use, which took a sixth of a worker's time: a worker uses the same
    connection a hundred times a second.
    """
    if time.monotonic() - record.info.get("resting_since", 0.0) < CHECK_AFTER_IDLE:
        return
    try:
        engine().dialect.do_ping(connection)
    except engine().dialect.loaded_dbapi.Error as error:
        raise DisconnectionError(str(error)) from error


def _count_checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: object) -> None:
    """Called after `_check_connection`, for a connection that is alive."""
    if metrics.program:
        record.info["counted"] = True
        of(metrics.CONNECTIONS, metrics.program).inc()


def limit_statements(usual: int) -> Callable[[DBAPIConnection, ConnectionPoolEntry, object], None]:
    """A listener that lets PostgreSQL end statements when the `deadline` of this thread is over. `usual`: the timeout
    of the connection in milliseconds without a deadline, 0 for none.

    A connection keeps its timeout, and timeouts are rounded up by a tenth at most: calls with the same time to live
    need no further round trip.
    """

    def limit(connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: object) -> None:
        until = deadline.get()
        wanted = usual
        if until is not None:
            left = _rounded(max((until - time.monotonic()) * 1000, 1.0))
            wanted = min(left, usual) if usual else left
        if record.info.get("statement_timeout", usual) == wanted:
            return
        before, connection.autocommit = connection.autocommit, True  # outside a transaction, so that it stays
        cursor = connection.cursor()
        cursor.execute(f"SET statement_timeout = {wanted}")
        cursor.close()
        connection.autocommit = before
        record.info["statement_timeout"] = wanted

    return limit


def _rounded(milliseconds: float) -> int:
    return math.ceil(1.1 ** math.ceil(math.log(milliseconds, 1.1)))


def dispose_engine() -> None:
    """After a fork: detaches this process from the parent's connections. It then opens its own."""
    if engine.cache_info().currsize:
        engine().dispose(close=False)
        engine.cache_clear()
        _autocommit.cache_clear()


@contextmanager
def transaction() -> Iterator[Session]:
    """A transaction: commits when the block ends, rolls back if it raises.

    Only views, steps and the dispatcher open transactions. No slow or external calls inside.
    """
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def single_statements() -> Iterator[Connection]:
    """A connection in autocommit mode: each statement is a transaction.

    For a single statement, or several reads that need not be consistent with each other. Saves BEGIN and COMMIT, two
    of three round trips, and the session: 0.19 instead of 0.37 ms of CPU time to find the principal.
    """
    with _autocommit().connect() as connection:
        yield connection


@cache
def _autocommit() -> Engine:
    """The same engine and pool, in autocommit mode."""
    return engine().execution_options(isolation_level="AUTOCOMMIT")
