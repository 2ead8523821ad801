"""What a benchmark reads in the shop's database, by its own connection: the shop is up when this is first asked."""

import time
from typing import Any

PATIENCE = 900.0  # seconds for what is left in the queues


def drain() -> None:
    """Waits until every run has ended. Raises RuntimeError."""
    until = time.monotonic() + PATIENCE
    while value("SELECT count(*) FROM workflow.run WHERE finished_at IS NULL"):
        if time.monotonic() > until:
            raise RuntimeError("The queue was not done in time.")
        time.sleep(0.5)


def rows(statement: str, **values: Any) -> list[Any]:
    """The rows of a query, in which `orders.order` need not be quoted."""
    from sqlalchemy import text  # late: settings are read with the module below, and must be the shop's by then

    from models.core.database import single_statements

    with single_statements() as connection:
        return list(connection.execute(text(statement.replace("orders.order", 'orders."order"')), values))


def value(statement: str, **values: Any) -> Any:
    """The first column of the first row."""
    return rows(statement, **values)[0][0]


def now() -> Any:
    """The time by the database's clock."""
    return value("SELECT clock_timestamp()")
