"""Reports on trends, from the daily sales of up to a million past orders."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Report
from benchmarks.parts import parts

if TYPE_CHECKING:
    from models.reports import Scope

SIZES = (1_000, 1_000_000)  # orders, of two lines each
PRODUCTS, DAYS = 10_000, 730

_FILL = f"""
    TRUNCATE reports.daily_sales;
    INSERT INTO reports.daily_sales (day, product_id, sold, sold_amount)
    WITH chosen AS MATERIALIZED (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM catalogue.product),
    sale AS (
        SELECT current_date - (random() * {DAYS})::int AS day, floor(random() * {PRODUCTS})::int AS place
        FROM generate_series(1, 2 * :orders)
    )
    SELECT day, chosen.id, count(*), count(*) * 1999 FROM sale JOIN chosen USING (place) GROUP BY 1, 2;
    ANALYZE
"""  # noqa: S608, constants only


def measure(folder: Path, runs: int) -> Report:
    """Starts a database in `folder`, measures, and stops it."""
    from sqlalchemy import text

    from benchmarks.history import PRODUCTS as SHELVES
    from local import provision
    from models.core.database import engine, transaction
    from models.core.schema import migrate

    report = Report("trends", runs)
    with parts(provision.prepare(), "postgres"):
        migrate()
        with transaction() as session:
            session.execute(text(SHELVES.format(products=PRODUCTS)))
        for orders in SIZES:
            with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for statement in _FILL.split(";\n"):
                    connection.execute(text(statement), {"orders": orders} if ":orders" in statement else {})
            for _ in range(runs):
                report.calibrate()
                for days in (28, 365):
                    took = _write(days)
                    report.note(f"trend over {days} days, {orders:,} orders in two years", took, "s", at_most=2.0)
    report.remarks.append(f"{PRODUCTS:,} products in 100 categories. All steps of the report, without the queue.")
    return report


def _write(days: int) -> float:
    """Writes and publishes a report on trends over these days until now. Returns the seconds it took."""
    from datetime import UTC, datetime, timedelta

    from durable.ids import new_id
    from models import reports
    from models.core.database import transaction

    end = datetime.now(UTC)
    start = end - timedelta(days=days)
    began = time.perf_counter()
    with transaction() as session:
        slices = reports.cut(session, reports.KINDS["trends"], start, end)
    scope: Scope = {
        "report_id": new_id("rep"), "kind": "trends", "start": start.isoformat(), "end": end.isoformat(),
        "options": {}, "slices": slices,
    }  # fmt: skip
    with transaction() as session:
        rows = sum(reports.write_slice(session, scope, number) for number in range(len(slices)))
    with transaction() as session:
        reports.publish(session, scope, new_id("rep"), new_id("run"), rows)
    return time.perf_counter() - began
