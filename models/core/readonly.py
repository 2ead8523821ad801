"""Stand-alone reads: single statements on read-only connections.

List pages are read much more often than anything is written. Without BEGIN and COMMIT, a read takes one round trip
instead of three. Statements whose best plan depends on their values (a plan that is good for a rare word is
disastrous for a common one) are planned on each execution; others once per connection.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Engine, Row, create_engine, event
from sqlalchemy.exc import DBAPIError

from models.core.database import CONNECTION, SESSION_OPTIONS, limit_statements
from settings import settings

MAX_CONNECTIONS = 8
"""Per process and plan mode. Statements take a few milliseconds. They are kept: to open one costs PostgreSQL a process,
which took a quarter of the time of a gRPC call at 16 connections."""
TIMEOUT = 10_000  # milliseconds
OPTIONS = (
    f"{SESSION_OPTIONS} -c default_transaction_read_only=on -c statement_timeout={TIMEOUT} -c jit=off"
    " -c synchronize_seqscans=off -c random_page_cost=1.1 -c plan_cache_mode="
)


@cache
def _engine(plan_mode: str) -> Engine:
    """The engine for reads of this process. Connects on first use."""
    made = create_engine(
        settings.database,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_size=MAX_CONNECTIONS,
        max_overflow=0,
        pool_use_lifo=True,
        pool_timeout=5,
        connect_args={**CONNECTION, "application_name": "shopflow reading", "options": OPTIONS + plan_mode},
    )
    event.listen(made, "checkout", limit_statements(TIMEOUT))
    return made


def rows(statement: str, values: Mapping[str, object], *, plan_each: bool) -> list[Row[*tuple[Any, ...]]]:
    """Runs a statement with parameters in the driver's style, `%(name)s`, and returns its rows.

    `plan_each`: whether the best plan depends on the values. A dead connection is replaced once, because reads can be
    repeated.
    """
    engine = _engine("force_custom_plan" if plan_each else "force_generic_plan")
    try:
        return _rows(engine, statement, values)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        return _rows(engine, statement, values)


def _rows(engine: Engine, statement: str, values: Mapping[str, object]) -> list[Row[*tuple[Any, ...]]]:
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(statement, values).fetchall())
