"""Daily sales compared with the orders, cancellations and returns that they come from, and their repair."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.operations.invariant import Invariant
from models.reports import SALES

# A movement is inserted in the transaction that records the returned units, and has their day.
_SOLD = """
    SELECT (confirmed_at AT TIME ZONE 'UTC')::date AS day, product_id, sum(quantity) AS sold,
        sum(quantity * unit_price) AS sold_amount, 0 AS returned, 0 AS returned_amount
    FROM orders.line JOIN orders."order" AS placed ON placed.id = order_id WHERE confirmed_at IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT (moved.created_at AT TIME ZONE 'UTC')::date, moved.product_id, 0, 0, sum(moved.quantity),
        sum(moved.quantity * unit_price)
    FROM inventory.movement AS moved
    JOIN returns.return AS made ON 'ret_' || replace(made.id::text, '-', '') = moved.reference
    JOIN orders.line ON line.order_id = made.order_id AND line.product_id = moved.product_id
    WHERE moved.reason = 'return' AND moved.quantity > 0 GROUP BY 1, 2"""

# An event has the day on which pieces were cancelled. Once it is deleted, the day of the order stands for it.
_CANCELLED = """
    WITH firm AS (
        SELECT placed.id, status, cancelled_at, confirmed_at, product_id, quantity, cancelled, unit_price
        FROM orders.line JOIN orders."order" AS placed ON placed.id = order_id
        WHERE confirmed_at IS NOT NULL AND (status = 'cancelled' OR cancelled > 0)
    ), known AS (
        SELECT event.created_at, firm.id, firm.product_id, units::int AS units, unit_price
        FROM workflow.event CROSS JOIN jsonb_each_text(payload->'lines') AS line (product, units)
        JOIN firm ON 'ord_' || replace(firm.id::text, '-', '') = payload->>'order_id'
            AND 'prd_' || replace(firm.product_id::text, '-', '') = product
        WHERE name = 'order.lines_cancelled'
    ), dated AS (
        SELECT created_at AS at, product_id, units, unit_price FROM known
        UNION ALL
        SELECT confirmed_at, product_id, cancelled - coalesce(units, 0), unit_price
        FROM firm LEFT JOIN (SELECT id, product_id, sum(units) AS units FROM known GROUP BY 1, 2) AS summed
            USING (id, product_id)
        UNION ALL
        SELECT cancelled_at, product_id, quantity - cancelled, unit_price FROM firm WHERE status = 'cancelled'
    )
    SELECT (at AT TIME ZONE 'UTC')::date AS day, product_id, sum(units) AS cancelled,
        sum(units * unit_price) AS cancelled_amount
    FROM dated WHERE units > 0 GROUP BY 1, 2"""


def _compare(figure: str, wanted: str, each: str) -> str:
    """By day and product: `figure` and its amount as they are in `wanted`, less those recorded; and whether they differ
    in sum for `each` of these."""
    sums = f"sum({figure}) AS {figure}, sum({figure}_amount) AS {figure}_amount"
    return f"""
        SELECT *, sum({figure}) OVER same <> 0 OR sum({figure}_amount) OVER same <> 0 AS bad FROM (
            SELECT day, product_id, coalesce(wanted.{figure}, 0) - coalesce(recorded.{figure}, 0) AS {figure},
                coalesce(wanted.{figure}_amount, 0) - coalesce(recorded.{figure}_amount, 0) AS {figure}_amount,
                wanted.{figure} AS wanted, recorded.{figure} AS recorded
            FROM (SELECT day, product_id, {sums} FROM ({wanted}) AS line GROUP BY 1, 2) AS wanted
            FULL JOIN (SELECT day, product_id, {sums} FROM {SALES} AS sales GROUP BY 1, 2) AS recorded
            USING (day, product_id)
        ) AS compared WINDOW same AS (PARTITION BY {each})"""  # noqa: S608, constants only


# The days of cancellations may differ, once events are deleted.
_COMPARED = {
    "sold": _compare("sold", _SOLD, "day, product_id"),
    "returned": _compare("returned", _SOLD, "day, product_id"),
    "cancelled": _compare("cancelled", _CANCELLED, "product_id"),
}


def _invariant(name: str, figure: str) -> Invariant:
    rows = f"""SELECT 'prd_' || replace(product_id::text, '-', '') AS example, wanted, recorded, bad
        FROM ({_COMPARED[figure]}) AS judged"""  # noqa: S608, constants only
    return Invariant(name, f"sum(wanted) AS {figure}, sum(recorded) AS recorded", rows)


DAILY_SALES = (
    _invariant("daily sales are the sums of the lines of confirmed orders", "sold"),
    _invariant("daily cancellations are the cancelled pieces of confirmed orders", "cancelled"),
    _invariant("daily returns are the units that returns have brought in", "returned"),
)


def rebuild(session: Session) -> int:
    """Corrects the daily sales where they differ from the orders, and returns the number of corrections.

    For a shop in operation: the corrections are changes like those of orders, computed on one snapshot, and lock
    nothing. Must be the first use of its transaction.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    connection = session.connection()
    return sum(connection.execute(_CORRECT[figure]).rowcount for figure in _COMPARED)


_CORRECT = {
    figure: text(f"""
        INSERT INTO reports.sales_change (day, product_id, {figure}, {figure}_amount)
        SELECT day, product_id, {figure}, {figure}_amount FROM ({compared}) AS judged
        WHERE bad AND ({figure} <> 0 OR {figure}_amount <> 0)
    """)  # noqa: S608, constants only
    for figure, compared in _COMPARED.items()
}
