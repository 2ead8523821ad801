"""Low stock: the available units are at or below the reorder point. Reported once, until the level has recovered.

`low_since` is set exactly while a level is low, which a CHECK constraint of the table enforces. Code that changes a
level emits events, in the same transaction, for levels that have crossed their reorder point.
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
"""The columns that `announce` needs, for the RETURNING clause of an UPDATE."""


def low_since(available: str) -> str:
    """The SET clause that keeps `low_since` correct in an UPDATE of stock.

    `available`: an SQL expression for the available units after the update.
    """
    return f"low_since = CASE WHEN {available} <= reorder_point THEN coalesce(low_since, now()) END"


def crossed_columns(statement: TextClause, **further: Any) -> Any:
    """Adds the types of the columns of CROSSED, and of further ones, to a statement."""
    return statement.columns(
        product_id=Id("prd"), warehouse_id=Id("wh"), available=Integer, reorder_point=Integer,
        reorder_quantity=Integer, **further,
    )  # fmt: skip


def announce(session: Session, event: type[StockLow | StockRecovered], crossed: Iterable[Any]) -> None:
    """Emits an event for each level that has crossed its reorder point, by product and warehouse."""
    for level in sorted(crossed, key=lambda one: (one.product_id, one.warehouse_id)):
        change = event(
            product_id=level.product_id, warehouse_id=level.warehouse_id, available=level.available,
            reorder_point=level.reorder_point, reorder_quantity=level.reorder_quantity,
        )  # fmt: skip
        event_log.emit(session, change)


def is_low(available: int, reorder_point: int | None) -> bool:
    return reorder_point is not None and available <= reorder_point


def set_flag(level: Stock) -> bool:
    """Updates `low_since` of a locked level. Returns whether the level was low before."""
    was_low, low = level.low_since is not None, is_low(level.available, level.reorder_point)
    if low != was_low:
        level.low_since = datetime.now(UTC) if low else None
    return was_low


def announce_change(session: Session, level: Stock, was_low: bool) -> None:
    """Emits an event if the level has crossed its reorder point."""
    low = level.low_since is not None
    if low != was_low:
        announce(session, StockLow if low else StockRecovered, [level])
