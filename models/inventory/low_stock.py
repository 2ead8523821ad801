"""Low stock: what is available has come down to the reorder point. It is told once, until it has recovered.

`low_since` is set exactly while a level is low; a CHECK constraint of the table sees to it that no change of
a level forgets it. Whoever changes a level announces, in the same transaction, what has crossed its reorder point.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Integer, TextClause
from sqlalchemy.orm import Session

from durable.ids import Id
from models.core import event_log
from models.core.events import StockLow, StockRecovered
from models.inventory.tables import Stock

CROSSED = """stock.product_id, stock.warehouse_id, stock.on_hand - stock.reserved AS available, reorder_point,
    reorder_quantity"""
"""What `announce` needs to know, for the RETURNING of such an UPDATE."""


def low_since(available: str) -> str:
    """For an UPDATE of stock after which so much is available: the clause that keeps `low_since` true.

    `available` is an SQL expression.
    """
    return f"low_since = CASE WHEN {available} <= reorder_point THEN coalesce(low_since, now()) END"


def crossed_columns(statement: TextClause, **further: Any) -> Any:
    """The statement with the types of the columns of CROSSED, and of further ones."""
    return statement.columns(
        product_id=Id("prd"), warehouse_id=Id("wh"), available=Integer, reorder_point=Integer,
        reorder_quantity=Integer, **further,
    )  # fmt: skip


def announce(session: Session, event: type[StockLow | StockRecovered], crossed: Iterable[Any]) -> None:
    """Emits the event for each of the levels that have just crossed their reorder point."""
    for level in crossed:
        change = event(
            product_id=level.product_id, warehouse_id=level.warehouse_id, available=level.available,
            reorder_point=level.reorder_point, reorder_quantity=level.reorder_quantity,
        )  # fmt: skip
        event_log.emit(session, change)


def is_low(available: int, reorder_point: int | None) -> bool:
    return reorder_point is not None and available <= reorder_point


def update_flag(session: Session, level: Stock) -> None:
    """Marks a locked level after a change, and announces it if it has crossed its reorder point."""
    low = is_low(level.available, level.reorder_point)
    if low != (level.low_since is not None):
        level.low_since = datetime.now(UTC) if low else None
        announce(session, StockLow if low else StockRecovered, [level])
