"""The engine's two ways to the database, a transaction or statements that are each one of their own; and its clock.

Every time that machines compare comes from the database's clock.
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
    """One transaction: committed when the block ends, rolled back when it raises."""
    with Session(config.current().engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def statements() -> Iterator[Connection]:
    """A connection on which each statement is committed when it returns."""
    with _autocommit(config.current().engine()).connect() as connection:
        yield connection


@lru_cache(maxsize=1)
def _autocommit(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def is_away(error: OperationalError) -> bool:
    """Whether the database could not be reached or has ended the connection, and not just a wait for a lock.

    Its own codes of that class begin with 08 and 57P (PostgreSQL's appendix A); without a code nobody answered.
    """
    code = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or code is None or code.startswith(("08", "57P"))


_observed: tuple[datetime, float] | None = None


def observe_clock(now: datetime) -> None:
    """Notes what the database's clock has just said."""
    global _observed
    _observed = (now, time.monotonic())


def database_time() -> datetime | None:
    """The time by the database's clock, as this process knows it; None if it has not heard it yet."""
    if _observed is None:
        return None
    said, at = _observed
    return said + timedelta(seconds=time.monotonic() - at)
