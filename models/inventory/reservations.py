"""Reservations: stock that is reserved for, allocated to, or released by orders."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ARRAY, Boolean, Integer, bindparam, select, text
from sqlalchemy.orm import Session

from durable.ids import Id, new_id
from models.core.errors import Conflict, InsufficientStock
from models.core.events import StockLow
from models.inventory.allocation import Units, choose, columns_of
from models.inventory.backorders import confirm, fill_risen, free, lock_of_order, sell_beyond_stock
from models.inventory.low_stock import CROSSED, announce, crossed_columns, low_since
from models.inventory.tables import RESERVATION_STATUS, Reservation

# The locked rows are the latest versions, including those that other transactions changed while this one waited. The
# UPDATE takes its values from them: PostgreSQL first checks constraints on the version in the statement's snapshot, and
# would refuse units that were released since.
_LOCKED = """
    locked AS MATERIALIZED (
        SELECT stock.product_id, stock.warehouse_id, on_hand, reserved, on_hand - reserved AS available,
            low_since IS NOT NULL AS was_low, warehouse.is_default
        FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = warehouse_id AND status = 'active'
        WHERE product_id IN (SELECT product_id FROM wanted)
        ORDER BY stock.product_id, stock.warehouse_id
        FOR UPDATE OF stock
    )"""
_HELD = f"""
    held AS (
        UPDATE inventory.stock SET on_hand = locked.on_hand, reserved = locked.reserved + taken.quantity,
            {low_since("locked.on_hand - locked.reserved - taken.quantity")}
        FROM locked JOIN taken USING (product_id, warehouse_id)
        WHERE stock.product_id = taken.product_id AND stock.warehouse_id = taken.warehouse_id
        RETURNING {CROSSED}, NOT was_low AND low_since IS NOT NULL AS fell
    ), recorded AS (
        INSERT INTO inventory.reservation (order_id, product_id, warehouse_id, quantity)
        SELECT :order_id, product_id, warehouse_id, quantity FROM taken
    )"""  # noqa: S608, constants only
_ORDERED = (
    bindparam("order_id", type_=Id("ord")),
    bindparam("products", type_=ARRAY(Id("prd"))),
    bindparam("quantities", type_=ARRAY(Integer)),
)

# Most orders fit into one parcel: reserves everything in one warehouse if any has it all, or returns the locked levels.
_RESERVE_IN_ONE = crossed_columns(
    text(f"""
    WITH wanted AS (
        SELECT product_id, quantity FROM unnest(:products, :quantities) AS line (product_id, quantity)
        WHERE NOT EXISTS (SELECT FROM inventory.reservation WHERE order_id = :order_id)
        AND NOT EXISTS (SELECT FROM inventory.backorder WHERE order_id = :order_id)
    ), {_LOCKED}, one AS (
        SELECT warehouse_id FROM locked JOIN wanted USING (product_id) WHERE available >= quantity
        GROUP BY warehouse_id, is_default HAVING count(*) = (SELECT count(*) FROM wanted)
        ORDER BY sum(available) DESC, is_default DESC, warehouse_id LIMIT 1
    ), taken AS (
        SELECT product_id, warehouse_id, quantity FROM wanted, one
    ), {_HELD}
    SELECT product_id, warehouse_id, coalesce(available, 0) AS available, NULL AS reorder_point,
        NULL AS reorder_quantity, quantity AS requested
    FROM wanted LEFT JOIN locked USING (product_id) WHERE NOT EXISTS (SELECT FROM one)
    UNION ALL
    SELECT product_id, warehouse_id, available, reorder_point, reorder_quantity, NULL FROM held WHERE fell
    ORDER BY product_id
    """).bindparams(*_ORDERED),  # noqa: S608, constants only
    requested=Integer,
)
# In levels that the statement before has locked. It locks no others, because terms are locked by now.
_RESERVE_IN_SEVERAL = crossed_columns(
    text(f"""
    WITH taken AS (
        SELECT product_id, warehouse_id, quantity
        FROM unnest(:products, :warehouses, :quantities) AS line (product_id, warehouse_id, quantity)
    ), locked AS (
        SELECT product_id, warehouse_id, on_hand, reserved, low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN taken USING (product_id, warehouse_id)
    ), {_HELD}
    SELECT product_id, warehouse_id, available, reorder_point, reorder_quantity FROM held WHERE fell ORDER BY product_id
    """).bindparams(*_ORDERED, bindparam("warehouses", type_=ARRAY(Id("wh"))))  # noqa: S608, constants only
)

# Locks stock before reservations, as in _LOCKED. A concurrent second call finds them released. Of an order with
# backorders, it releases nothing unless `is_locked`: see lock_of_order in backorders.py.
_RELEASE = crossed_columns(
    text(f"""
    WITH locked AS MATERIALIZED (
        SELECT product_id, warehouse_id, low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN inventory.reservation USING (product_id, warehouse_id)
        WHERE order_id = :order_id AND {RESERVATION_STATUS.may_become("released")}
        AND (:is_locked OR NOT EXISTS (SELECT FROM inventory.backorder WHERE order_id = :order_id))
        ORDER BY product_id, warehouse_id
        FOR UPDATE OF stock
    ), freed AS (
        UPDATE inventory.reservation AS mine SET status = 'released', updated_at = now() FROM locked
        WHERE mine.order_id = :order_id AND {RESERVATION_STATUS.may_become("released")}
        AND mine.product_id = locked.product_id AND mine.warehouse_id = locked.warehouse_id
        RETURNING mine.product_id, mine.warehouse_id, mine.quantity - mine.shipped AS quantity, was_low
    )
    UPDATE inventory.stock SET reserved = reserved - freed.quantity, {low_since("on_hand - reserved + freed.quantity")}
    FROM freed
    WHERE stock.product_id = freed.product_id AND stock.warehouse_id = freed.warehouse_id
    RETURNING {CROSSED}, freed.quantity, was_low, was_low AND low_since IS NULL AS recovered
    """).bindparams(bindparam("order_id", type_=Id("ord")), bindparam("is_locked", type_=Boolean)),  # noqa: S608
    quantity=Integer,
    was_low=Boolean,
    recovered=Boolean,
)


def reserve(session: Session, order_id: str, lines: Mapping[str, int], *, beyond_stock: bool = True) -> None:
    """Reserves `lines` (product id → units) for an order, all or none, in active warehouses.

    In as few warehouses as possible, of which each sends a parcel; among those, where the most stock is. What is not
    available is backordered, if `beyond_stock` and the terms of the product allow it. Correct under concurrency. Emits
    `stock.low` for levels that fall to their reorder point. Raises InsufficientStock with `lines` [{product_id,
    requested, available}]. Idempotent per order.
    """
    values = {"order_id": order_id, "products": list(lines), "quantities": list(lines.values())}
    found = session.execute(_RESERVE_IN_ONE, values).all()
    levels = [row for row in found if row.requested is not None]
    if levels:
        taken = choose(lines, [Units(row.product_id, row.warehouse_id, row.available) for row in levels])
        missing = _missing(lines, taken)
        if missing and not beyond_stock:
            raise _insufficient(lines, missing)
        if missing:
            sell_beyond_stock(session, order_id, missing, lines)
        found = session.execute(_RESERVE_IN_SEVERAL, {"order_id": order_id, **columns_of(taken)}).all()
    announce(session, StockLow, found)


def _missing(lines: Mapping[str, int], taken: Sequence[Units]) -> dict[str, int]:
    missing = dict(lines)
    for part in taken:
        missing[part.product_id] -= part.quantity
    return {product_id: quantity for product_id, quantity in missing.items() if quantity}


def _insufficient(lines: Mapping[str, int], missing: Mapping[str, int]) -> InsufficientStock:
    short = [
        {"product_id": product_id, "requested": lines[product_id], "available": lines[product_id] - units}
        for product_id, units in sorted(missing.items())
    ]
    return InsufficientStock("Stock is insufficient for this order.", lines=short)


def release(session: Session, order_id: str) -> int:
    """Releases the units reserved for or allocated to an order, and its backorders. Returns the number of the former.

    They fill the backorders of other orders. Emits `stock.recovered` for levels that rise above their reorder point.
    Idempotent, also without reservations.
    """
    freed = session.execute(_RELEASE, {"order_id": order_id, "is_locked": False}).all()
    if not freed and lock_of_order(session, order_id) is not None:
        freed = session.execute(_RELEASE, {"order_id": order_id, "is_locked": True}).all()
        free(session, order_id)
    fill_risen(session, freed)
    return sum(level.quantity for level in freed)


# Locks stock before reservations, as in _LOCKED. A reservation of which nothing is left ends.
_CANCEL = crossed_columns(
    text(f"""
    WITH given AS (
        SELECT product_id, warehouse_id, quantity
        FROM unnest(:products, :warehouses, :quantities) AS unit (product_id, warehouse_id, quantity)
    ), locked AS MATERIALIZED (
        SELECT product_id, warehouse_id, given.quantity, low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN given USING (product_id, warehouse_id)
        ORDER BY product_id, warehouse_id FOR UPDATE OF stock
    ), freed AS (
        UPDATE inventory.reservation AS mine SET updated_at = now(),
            quantity = CASE WHEN mine.quantity = locked.quantity THEN mine.quantity
                ELSE mine.quantity - locked.quantity END,
            status = CASE WHEN mine.quantity = locked.quantity THEN 'released'
                WHEN mine.quantity - locked.quantity = shipped THEN 'shipped' ELSE status END
        FROM locked WHERE mine.order_id = :order_id AND {RESERVATION_STATUS.may_become("released")}
        AND mine.product_id = locked.product_id AND mine.warehouse_id = locked.warehouse_id
        AND mine.quantity - mine.shipped >= locked.quantity
        RETURNING mine.product_id, mine.warehouse_id, locked.quantity, was_low
    )
    UPDATE inventory.stock SET reserved = reserved - freed.quantity, {low_since("on_hand - reserved + freed.quantity")}
    FROM freed
    WHERE stock.product_id = freed.product_id AND stock.warehouse_id = freed.warehouse_id
    RETURNING {CROSSED}, freed.quantity, was_low, was_low AND low_since IS NULL AS recovered
    """).bindparams(  # noqa: S608, constants only
        bindparam("order_id", type_=Id("ord")),
        bindparam("products", type_=ARRAY(Id("prd"))),
        bindparam("warehouses", type_=ARRAY(Id("wh"))),
        bindparam("quantities", type_=ARRAY(Integer)),
    ),
    quantity=Integer,
    was_low=Boolean,
    recovered=Boolean,
)


def release_units(session: Session, order_id: str, units: Mapping[tuple[str, str], int]) -> None:
    """Releases some of the units that an order holds: (warehouse id, product id) → units, none of which has left.

    They fill the backorders of other orders. Emits `stock.recovered` for levels that rise above their reorder point.
    Raises Conflict `wrong_state` if the order does not hold them.
    """
    lock_of_order(session, order_id)
    warehouses, products = zip(*units, strict=True)
    values = {
        "order_id": order_id, "warehouses": list(warehouses), "products": list(products),
        "quantities": list(units.values()),
    }  # fmt: skip
    freed = session.execute(_CANCEL, values).all()
    if len(freed) != len(units):
        raise Conflict("These goods are not held for the order.", code="wrong_state", current="released", possible=[])
    fill_risen(session, freed)


def holds_stock(session: Session, order_id: str) -> bool:
    """Whether units are reserved for an order, or allocated to it."""
    live = Reservation.order_id == order_id, Reservation.status.in_(RESERVATION_STATUS.preceding("released"))
    return session.scalar(select(Reservation.order_id).where(*live).limit(1)) is not None


# Of an order with backorders, it allocates nothing unless `is_locked`, as in _RELEASE.
_ALLOCATE = text("""
    WITH beyond AS (SELECT FROM inventory.backorder WHERE order_id = :order_id), allocated AS (
        UPDATE inventory.reservation SET status = 'allocated', updated_at = now()
        WHERE order_id = :order_id AND status = 'reserved' AND (:is_locked OR NOT EXISTS (SELECT FROM beyond))
        RETURNING 1
    )
    SELECT count(*) AS lines, EXISTS (SELECT FROM beyond) AS is_backordered FROM allocated
""").bindparams(bindparam("order_id", type_=Id("ord")), bindparam("is_locked", type_=Boolean))


def allocate(session: Session, order_id: str) -> int:
    """Turns the reservations of an order into allocations for fulfilment. Returns the number of lines.

    Its backorders wait from now on. Idempotent.
    """
    done = session.connection().execute(_ALLOCATE, {"order_id": order_id, "is_locked": False}).one()
    if done.is_backordered:
        levels = lock_of_order(session, order_id)
        done = session.connection().execute(_ALLOCATE, {"order_id": order_id, "is_locked": True}).one()
        confirm(session, order_id)
        fill_risen(session, levels or [])  # what came after the order was placed, and before it was known to wait
    return int(done.lines)


# `reserved` and `on_hand` fall by the same number, so that `low_since`, which depends on their difference, stays.
_SHIP = text("""
    WITH packed AS (
        SELECT product_id, quantity FROM unnest(:products, :quantities) AS line (product_id, quantity)
    ), locked AS MATERIALIZED (
        SELECT product_id FROM inventory.stock JOIN packed USING (product_id) WHERE warehouse_id = :warehouse_id
        ORDER BY product_id FOR UPDATE OF stock
    ), taken AS (
        UPDATE inventory.reservation AS mine SET shipped = shipped + packed.quantity, updated_at = now(),
            status = CASE WHEN shipped + packed.quantity = mine.quantity THEN 'shipped' ELSE status END
        FROM packed JOIN locked USING (product_id)
        WHERE order_id = :order_id AND warehouse_id = :warehouse_id AND mine.product_id = packed.product_id
        AND status = 'allocated' RETURNING mine.product_id, packed.quantity
    ), left_stock AS (
        UPDATE inventory.stock SET on_hand = on_hand - taken.quantity, reserved = reserved - taken.quantity
        FROM taken WHERE stock.product_id = taken.product_id AND warehouse_id = :warehouse_id
        RETURNING stock.product_id, taken.quantity
    )
    INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason, reference)
    SELECT moved.id, product_id, :warehouse_id, -quantity, :reason, :reference
    FROM left_stock JOIN unnest(:products, :movements) AS moved (product_id, id) USING (product_id)
""").bindparams(
    bindparam("order_id", type_=Id("ord")), bindparam("warehouse_id", type_=Id("wh")),
    bindparam("products", type_=ARRAY(Id("prd"))), bindparam("quantities", type_=ARRAY(Integer)),
    bindparam("movements", type_=ARRAY(Id("mov"))),
)  # fmt: skip


def ship(
    session: Session, order_id: str, warehouse_id: str, lines: Mapping[str, int], *, reference: str,
    reason: str = "sale",
) -> None:  # fmt: skip
    """Takes allocated units (product id → units) out of stock, with a movement each.

    Raises Conflict `wrong_state` if a line is not allocated to the order there.
    """
    values = {
        "order_id": order_id, "warehouse_id": warehouse_id, "products": list(lines), "quantities": list(lines.values()),
        "movements": [new_id("mov") for _ in lines], "reference": reference, "reason": reason,
    }  # fmt: skip
    if session.connection().execute(_SHIP, values).rowcount != len(lines):
        raise Conflict(
            "These goods are not allocated to the order.", code="wrong_state", current="shipped", possible=[]
        )
