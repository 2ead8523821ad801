"""Booking the differences of an approved stock count, in batches.

The movement of a product is what was counted more or less than was on hand *then*, so what was sold, delivered or
transferred since is neither lost nor booked twice. A level never falls below what is reserved for orders: the rest is
noted as `short`, and staff decide what happens to the orders.
"""

from sqlalchemy import ARRAY, Boolean, Integer, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import Id, new_id
from models.core.events import StockLow
from models.inventory.backorders import fill_risen
from models.inventory.count_differences import CountTotals, get_totals_of
from models.inventory.count_tables import STOCK_COUNT_STATUS, CountLine, StockCount
from models.inventory.counts import get_count
from models.inventory.low_stock import CROSSED, announce, crossed_columns, low_since
from models.inventory.tables import Movement, Stock

BATCH_LINES = 500
"""Lines that are booked in a transaction, for which their levels are locked."""
REASON = "count"
"""The reason of stock movements for stock counts; the audit compares them by their reference, too."""


def slice_differences(session: Session, count_id: str) -> list[str]:
    """The first product of each batch of lines that differ, in order."""
    place = func.row_number().over(order_by=CountLine.product_id).label("place")
    differing = CountLine.stock_count_id == count_id, CountLine.difference != 0
    lines = select(CountLine.product_id, place).where(*differing).subquery()
    firsts = select(lines.c.product_id).where((lines.c.place - 1) % BATCH_LINES == 0)
    return list(session.scalars(firsts.order_by(lines.c.product_id)))


# Lines first, then levels, in the order in which reservations lock them. The values are those of the locked rows.
_BOOK = crossed_columns(
    text(f"""
    WITH line AS MATERIALIZED (
        SELECT product_id, difference FROM inventory.stock_count_line
        WHERE stock_count_id = :count_id AND product_id = ANY(:products) AND booked IS NULL
        ORDER BY product_id FOR UPDATE
    ), locked AS MATERIALIZED (
        SELECT product_id, difference, on_hand, reserved, greatest(difference, reserved - on_hand) AS change,
            low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN line USING (product_id) WHERE warehouse_id = :warehouse_id
        ORDER BY product_id FOR UPDATE OF stock
    ), noted AS (
        UPDATE inventory.stock_count_line AS mine SET booked = change, short = change - locked.difference
        FROM locked WHERE stock_count_id = :count_id AND mine.product_id = locked.product_id
    )
    UPDATE inventory.stock SET on_hand = locked.on_hand + change,
        {low_since("locked.on_hand + change - locked.reserved")}
    FROM locked WHERE stock.product_id = locked.product_id AND warehouse_id = :warehouse_id AND change <> 0
    RETURNING {CROSSED}, change, was_low, was_low AND low_since IS NULL AS recovered,
        NOT was_low AND low_since IS NOT NULL AS fell
    """).bindparams(  # noqa: S608, constants only
        bindparam("count_id", type_=Id("cnt")), bindparam("warehouse_id", type_=Id("wh")),
        bindparam("products", type_=ARRAY(Id("prd"))),
    ),
    change=Integer, was_low=Boolean, recovered=Boolean, fell=Boolean,
)  # fmt: skip


def book_differences(session: Session, count_id: str, first: str, before: str | None) -> int:
    """Books the differences of a batch of lines: those of the products from `first` on, and before `before`.

    A movement for each. Fills backorders, and emits `stock.low` and `stock.recovered`. Neither the capacity of the
    warehouse nor its status matters: the goods are there. Returns the number of movements. Idempotent.
    """
    count = get_count(session, count_id)
    products = _products_between(session, count_id, first, before)
    at = [{"product_id": product_id, "warehouse_id": count.warehouse_id} for product_id in products]
    session.connection().execute(insert(Stock).on_conflict_do_nothing(), at)
    values = {"count_id": count_id, "warehouse_id": count.warehouse_id, "products": products}
    changed = sorted(session.execute(_BOOK, values).all(), key=lambda level: level.product_id)
    if not changed:
        return 0
    about = {"reason": REASON, "reference": count_id, "actor": count.decided_by, "warehouse_id": count.warehouse_id}
    moved = [
        {"id": new_id("mov"), "product_id": level.product_id, "quantity": level.change, **about} for level in changed
    ]
    session.connection().execute(insert(Movement), moved)
    announce(session, StockLow, [level for level in changed if level.fell])
    fill_risen(session, [level for level in changed if level.change > 0])
    return len(changed)


def _products_between(session: Session, count_id: str, first: str, before: str | None) -> list[str]:
    query = select(CountLine.product_id).where(
        CountLine.stock_count_id == count_id, CountLine.difference != 0, CountLine.product_id >= first
    )
    if before:
        query = query.where(CountLine.product_id < before)
    return list(session.scalars(query.order_by(CountLine.product_id)))


def close_booked_count(session: Session, count_id: str) -> tuple[StockCount, CountTotals]:
    """Closes a count whose differences are all booked. Returns it with its sums. Idempotent."""
    locked = select(StockCount).where(StockCount.id == count_id).with_for_update(key_share=True)
    count = session.scalars(locked.execution_options(populate_existing=True)).one()
    if count.status == "approved":
        STOCK_COUNT_STATUS.move(count, "booked")
        count.booked_at = count.updated_at = func.now()
        session.flush()
    return count, get_totals_of(session, count_id)
