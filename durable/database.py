"""Database access of the engine: transactions, autocommit statements, and the database's clock.

All timestamps that machines compare are from the database's clock.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from durable import config


@contextmanager
def transaction() -> Iterator[Session]:
    """A transaction: commits when the block ends, rolls back if it raises."""
    with Session(config.current().engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def statements() -> Iterator[Connection]:
    """A connection in autocommit mode."""
    with _autocommit(config.current().engine()).connect() as connection:
        yield connection


@lru_cache(maxsize=1)
def _autocommit(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def is_unavailable(error: OperationalError) -> bool:
    """Whether the database could not be reached or has closed the connection, as opposed to a lock timeout.

    The SQLSTATE classes are 08 and 57P (PostgreSQL manual, appendix A); without a code, there was no response.
    """
    code = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or code is None or code.startswith(("08", "57P"))


_observed: tuple[datetime, float] | None = None


def observe_clock(now: datetime) -> None:
    """Records a reading of the database's clock."""
    global _observed
    _observed = (now, time.monotonic())


def database_time() -> datetime | None:
    """The current time of the database's clock, from the last reading; None if there was none."""
    if _observed is None:
        return None
    said, at = _observed
    return said + timedelta(seconds=time.monotonic() - at)
