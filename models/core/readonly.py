"""Reads that stand alone: one statement each, on connections of their own that can't write.

A list page is read much more often than anything is written. Without BEGIN and COMMIT it is one round trip, not
three. A statement whose best plan depends on its values (what is good for a rare word or a small category is a
catastrophe for a common one) is planned each time; any other one once for each connection.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Engine, Row, create_engine
from sqlalchemy.exc import DBAPIError

from models.core.database import CONNECTION, SESSION_OPTIONS
from settings import settings

KEPT, AT_MOST = 2, 8
"""Connections for each of the two ways of planning, in each process. A statement takes few milliseconds."""
OPTIONS = (
    f"{SESSION_OPTIONS} -c default_transaction_read_only=on -c statement_timeout=10s -c jit=off"
    " -c synchronize_seqscans=off -c random_page_cost=1.1 -c plan_cache_mode="
)


@cache
def _engine(planned: str) -> Engine:
    """This process' engine for reading. It connects with its first statement."""
    return create_engine(
        settings.database,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_size=KEPT,
        max_overflow=AT_MOST - KEPT,
        pool_timeout=5,
        connect_args={**CONNECTION, "application_name": "shopflow reading", "options": OPTIONS + planned},
    )


def rows(statement: str, values: Mapping[str, object], *, plan_each: bool) -> list[Row[*tuple[Any, ...]]]:
    """The rows of one statement in the driver's own style, `%(name)s`. It sees what was committed before it began.

    `plan_each`: whether its best plan depends on the values. A connection that has died while it rested is
    replaced, once: a statement that reads can be repeated.
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
