"""Daily sales: totals of each product and day, kept up to date as orders change.

An order's change inserts rows, which lock nothing that other orders need; `fold` adds them to the totals. Whoever reads
sales reads both in one statement (SALES). A day is one in UTC: of the confirmation, the cancellation, or the receipt of
the return.
"""

from collections.abc import Iterable

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, text
from sqlalchemy.orm import Session

from durable.ids import Id

PORTION = 20_000
"""Changes that are folded in one transaction."""
FIGURES = ("sold", "sold_amount", "cancelled", "cancelled_amount", "returned", "returned_amount")
_NAMES = ", ".join(FIGURES)

SALES = f"""(
    SELECT day, product_id, {_NAMES} FROM reports.daily_sales UNION ALL
    SELECT day, product_id, {_NAMES} FROM reports.sales_change
)"""  # noqa: S608, constants only
"""The sales of products by day, as a subquery. A product and day has several rows."""

_DAY = "(moved.created_at AT TIME ZONE 'UTC')::date"
_AT_WAREHOUSE = """FROM inventory.movement AS moved
    JOIN {table} AS made ON made.id = CASE WHEN moved.reason = '{reason}' THEN substr(moved.reference, 5)::uuid END
    JOIN orders.line ON line.order_id = made.order_id AND line.product_id = moved.product_id
    WHERE moved.warehouse_id = :warehouse_id AND moved.quantity {sign} 0 AND moved.created_at < :end
        AND moved.created_at >= (:start AT TIME ZONE 'UTC')::date AT TIME ZONE 'UTC'"""
SALES_OR_SHIPMENTS = f"""(
    SELECT * FROM {SALES} AS everywhere WHERE CAST(:warehouse_id AS uuid) IS NULL UNION ALL
    SELECT {_DAY}, moved.product_id, -moved.quantity, -moved.quantity * unit_price, 0, 0, 0, 0
    {_AT_WAREHOUSE.format(table="fulfilment.parcel", reason="sale", sign="<")} UNION ALL
    SELECT {_DAY}, moved.product_id, 0, 0, 0, 0, moved.quantity, moved.quantity * unit_price
    {_AT_WAREHOUSE.format(table="returns.return", reason="return", sign=">")}
)"""  # noqa: S608, constants only
"""SALES; of one warehouse, the goods that have left it in parcels, and those that came back to it."""

CONFIRMED = """INSERT INTO reports.sales_change (day, product_id, sold, sold_amount)
    SELECT current_date, product_id, quantity, quantity * unit_price FROM orders.line JOIN confirmed ON true
    WHERE order_id = :order_id"""
"""For the statement that confirms an order: its lines are sold. `confirmed` has a row if the order was confirmed."""

_CANCELLED = text("""
    INSERT INTO reports.sales_change (day, product_id, cancelled, cancelled_amount)
    SELECT current_date, product_id, quantity - cancelled, (quantity - cancelled) * unit_price
    FROM orders.line WHERE order_id = :order_id AND quantity > cancelled
""").bindparams(bindparam("order_id", type_=Id("ord")))


def record_cancelled_order(session: Session, order_id: str) -> None:
    """Records that all pieces of a confirmed order that were not cancelled before are cancelled."""
    session.connection().execute(_CANCELLED, {"order_id": order_id})


def record_cancelled(session: Session, units: Iterable[tuple[str, int, int]]) -> None:
    """Records cancelled pieces of a confirmed order: (product id, units, amount)."""
    _insert(session, "cancelled", units)


def record_returned(session: Session, units: Iterable[tuple[str, int, int]]) -> None:
    """Records received pieces of a return: (product id, units, what they were sold for)."""
    _insert(session, "returned", units)


def _insert(session: Session, figure: str, units: Iterable[tuple[str, int, int]]) -> None:
    rows = [row for row in units if row[1]]
    if rows:
        products, counts, amounts = (list(column) for column in zip(*rows, strict=True))
        values = {"products": products, "units": counts, "amounts": amounts}
        session.connection().execute(_NEW[figure], values)


_NEW = {
    figure: text(f"""
        INSERT INTO reports.sales_change (day, product_id, {figure}, {figure}_amount)
        SELECT current_date, line.* FROM unnest(:products, :units, :amounts) AS line
    """).bindparams(  # noqa: S608, constants only
        bindparam("products", type_=ARRAY(Id("prd"))),
        bindparam("units", type_=ARRAY(Integer)),
        bindparam("amounts", type_=ARRAY(BigInteger)),
    )
    for figure in ("cancelled", "returned")
}

# In order of the primary key, so that two folds do not lock each other's rows.
_FOLD = text(f"""
    WITH taken AS (
        DELETE FROM reports.sales_change WHERE id = ANY(ARRAY(
            SELECT id FROM reports.sales_change ORDER BY id LIMIT :portion FOR UPDATE SKIP LOCKED
        )) RETURNING *
    ), folded AS (
        INSERT INTO reports.daily_sales AS total (day, product_id, {_NAMES})
        SELECT day, product_id, {", ".join(f"sum({name})" for name in FIGURES)}
        FROM taken GROUP BY day, product_id ORDER BY day, product_id
        ON CONFLICT (day, product_id) DO UPDATE
        SET {", ".join(f"{name} = total.{name} + excluded.{name}" for name in FIGURES)}
    )
    SELECT count(*) FROM taken
""")  # noqa: S608, constants only


def fold(session: Session, portion: int = PORTION) -> int:
    """Adds the oldest changes, at most `portion`, to the daily totals. Returns how many they were."""
    return int(session.connection().execute(_FOLD, {"portion": portion}).scalar_one())
