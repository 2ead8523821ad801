"""Queries of the shop's database, over a separate connection. The shop must be running at the first query."""

import time
from typing import Any

DRAIN_TIMEOUT = 900.0  # seconds


def drain() -> None:
    """Waits until every run has ended. Raises RuntimeError after DRAIN_TIMEOUT."""
    deadline = time.monotonic() + DRAIN_TIMEOUT
    while value("SELECT count(*) FROM workflow.run WHERE finished_at IS NULL"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Runs are still unfinished after {DRAIN_TIMEOUT:.0f} s.")
        time.sleep(0.5)


def rows(statement: str, **values: Any) -> list[Any]:
    """The rows of a query, in which `orders.order` needs no quotes."""
    from sqlalchemy import text  # late: these imports read the settings, which must be the shop's by then

    from models.core.database import single_statements

    with single_statements() as connection:
        return list(connection.execute(text(statement.replace("orders.order", 'orders."order"')), values))


def value(statement: str, **values: Any) -> Any:
    """The first column of the first row."""
    return rows(statement, **values)[0][0]


def now() -> Any:
    """The current time of the database's clock."""
    return value("SELECT clock_timestamp()")
