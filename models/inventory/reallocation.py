"""Moving allocated units of an order to another warehouse."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, Boolean, Integer, bindparam, text
from sqlalchemy.orm import Session

from durable.ids import Id
from models.core.events import StockLow, StockRecovered
from models.inventory.allocation import ALLOCATE_MORE, Units, columns_of
from models.inventory.low_stock import CROSSED, announce, crossed_columns, low_since
from models.inventory.moving import refuse_short

# Locks levels in the order of _LOCKED in reservations.py. The target's level is among them if it exists.
_MOVE = crossed_columns(
    text(f"""
    WITH part AS (
        SELECT product_id, warehouse_id, quantity
        FROM unnest(:products, :warehouses, :quantities) AS part (product_id, warehouse_id, quantity)
    ), change AS (
        SELECT product_id, warehouse_id, -quantity AS quantity FROM part
        UNION ALL SELECT product_id, :target, sum(quantity)::int FROM part GROUP BY 1
    ), locked AS MATERIALIZED (
        SELECT product_id, warehouse_id, stock.on_hand, reserved, on_hand - reserved AS available,
            low_since IS NOT NULL AS was_low, change.quantity
        FROM inventory.stock JOIN change USING (product_id, warehouse_id)
        ORDER BY product_id, warehouse_id
        FOR UPDATE OF stock
    ), short AS (
        SELECT product_id, change.quantity AS requested, coalesce(available, 0) AS available
        FROM change LEFT JOIN locked USING (product_id, warehouse_id)
        WHERE warehouse_id = :target AND coalesce(available, 0) < change.quantity
    ), moved AS (
        UPDATE inventory.stock SET on_hand = locked.on_hand, reserved = locked.reserved + locked.quantity,
            {low_since("locked.available - locked.quantity")}
        FROM locked WHERE stock.product_id = locked.product_id AND stock.warehouse_id = locked.warehouse_id
        AND NOT EXISTS (SELECT FROM short)
        RETURNING {CROSSED}, was_low, low_since IS NOT NULL AS is_low
    ), gone AS (
        DELETE FROM inventory.reservation AS mine USING part
        WHERE order_id = :order_id AND mine.product_id = part.product_id AND mine.warehouse_id = part.warehouse_id
        AND mine.quantity = part.quantity AND NOT EXISTS (SELECT FROM short)
    ), rest AS (
        UPDATE inventory.reservation AS mine SET quantity = mine.quantity - part.quantity, updated_at = now(),
            status = CASE WHEN shipped = mine.quantity - part.quantity THEN 'shipped' ELSE status END
        FROM part
        WHERE order_id = :order_id AND mine.product_id = part.product_id AND mine.warehouse_id = part.warehouse_id
        AND mine.quantity > part.quantity AND NOT EXISTS (SELECT FROM short)
    ), recorded AS (
        INSERT INTO inventory.reservation AS mine (order_id, product_id, warehouse_id, quantity, status)
        SELECT :order_id, product_id, :target, quantity, 'allocated' FROM change
        WHERE warehouse_id = :target AND NOT EXISTS (SELECT FROM short)
        {ALLOCATE_MORE}
    )
    SELECT product_id, NULL AS warehouse_id, available, NULL AS reorder_point, NULL AS reorder_quantity, requested,
        NULL AS is_low
    FROM short
    UNION ALL
    SELECT product_id, warehouse_id, available, reorder_point, reorder_quantity, NULL, is_low
    FROM moved WHERE was_low <> is_low
    ORDER BY product_id, warehouse_id
    """).bindparams(  # noqa: S608, constants only
        bindparam("order_id", type_=Id("ord")), bindparam("target", type_=Id("wh")),
        bindparam("products", type_=ARRAY(Id("prd"))), bindparam("warehouses", type_=ARRAY(Id("wh"))),
        bindparam("quantities", type_=ARRAY(Integer)),
    ),
    requested=Integer, is_low=Boolean,
)  # fmt: skip


def reallocate(session: Session, order_id: str, target_id: str, parts: Sequence[Units]) -> None:
    """Moves allocated units of an order, which the caller has locked, from their warehouses to the target, all or none.

    Emits `stock.low` and `stock.recovered`. Raises InsufficientStock with `lines` if the target has fewer available.
    """
    values = {"order_id": order_id, "target": target_id, **columns_of(parts)}
    found = session.execute(_MOVE, values).all()
    refuse_short(found, "The warehouse does not have these units available.")
    announce(session, StockLow, [level for level in found if level.is_low])
    announce(session, StockRecovered, [level for level in found if level.is_low is False])
