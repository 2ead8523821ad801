"""Backorders: units that are sold beyond stock, up to a limit per product, and filled when goods come.

A backorder changes only under the lock of its product's terms. Lock order: stock (by product and warehouse) → terms (by
product). Whoever makes units available fills backorders in the same transaction, so that no later order takes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, String, bindparam, func, select, text, tuple_, update
from sqlalchemy.orm import Session

from durable.ids import Id
from models.core import event_log
from models.core.errors import InsufficientStock
from models.core.events import BackorderFilled, StockBackordered, StockRecovered
from models.inventory.allocation import ALLOCATE_MORE
from models.inventory.low_stock import announce, announce_change, low_since
from models.inventory.tables import BACKORDER_STATUS, Backorder, BackorderTerms, Stock

OPEN = BACKORDER_STATUS.may_become("released")
LevelKey = tuple[str, str]
"""Product id and warehouse id of a stock level."""


# The locked rows are the latest versions; the UPDATE takes its values from them, as in reservations.py.
_SELL = text("""
    WITH wanted AS (
        SELECT product_id, quantity FROM unnest(:products, :quantities) AS line (product_id, quantity)
    ), locked AS MATERIALIZED (
        SELECT product_id, backordered, greatest(maximum - backordered, 0) AS free, promised_on
        FROM inventory.backorder_terms JOIN wanted USING (product_id)
        ORDER BY product_id FOR UPDATE OF backorder_terms
    ), short AS (
        SELECT product_id, coalesce(free, 0) AS free FROM wanted LEFT JOIN locked USING (product_id)
        WHERE coalesce(free, 0) < quantity
    ), sold AS (
        UPDATE inventory.backorder_terms AS terms SET maximum = terms.maximum,
            backordered = locked.backordered + quantity
        FROM locked JOIN wanted USING (product_id)
        WHERE terms.product_id = locked.product_id AND NOT EXISTS (SELECT FROM short)
    ), recorded AS (
        INSERT INTO inventory.backorder (order_id, product_id, quantity, promised_on)
        SELECT :order_id, product_id, quantity, promised_on FROM wanted JOIN locked USING (product_id)
        WHERE NOT EXISTS (SELECT FROM short)
    )
    SELECT product_id, free FROM short
""").bindparams(
    bindparam("order_id", type_=Id("ord")), bindparam("products", type_=ARRAY(Id("prd"))),
    bindparam("quantities", type_=ARRAY(Integer)),
).columns(product_id=Id("prd"), free=Integer)  # fmt: skip


def sell_beyond_stock(
    session: Session, order_id: str, missing: Mapping[str, int], lines: Mapping[str, int]
) -> None:  # fmt: skip
    """Backorders what is `missing` of an order's `lines` (product id → units), all or none.

    Raises InsufficientStock with `lines` [{product_id, requested, available}] if the limits do not allow it.
    """
    values = {"order_id": order_id, "products": list(missing), "quantities": list(missing.values())}
    short = {row.product_id: row.free for row in session.execute(_SELL, values)}
    if short:
        refused = [
            {"product_id": product_id, "requested": lines[product_id],
             "available": lines[product_id] - missing[product_id] + free}
            for product_id, free in sorted(short.items())
        ]  # fmt: skip
        raise InsufficientStock("Stock is insufficient for this order.", lines=refused)


_LOCK_TERMS = (
    select(BackorderTerms.product_id, BackorderTerms.backordered)
    .where(BackorderTerms.product_id.in_(bindparam("product_ids", expanding=True)))
    .order_by(BackorderTerms.product_id)
    .with_for_update()
)

# Orders queue for the units of all levels, one after the other: an order gets the overlap of its interval of the queue
# with the interval of a level.
_FILL = text(f"""
    WITH level AS (
        SELECT stock.product_id, stock.warehouse_id, on_hand, reserved, on_hand - reserved AS free,
            sum(on_hand - reserved) OVER (PARTITION BY stock.product_id ORDER BY stock.warehouse_id) AS upto
        FROM unnest(:products, :warehouses) AS risen (product_id, warehouse_id)
        JOIN inventory.stock USING (product_id, warehouse_id)
        JOIN inventory.warehouse ON warehouse.id = stock.warehouse_id AND warehouse.status = 'active'
    ), queue AS (
        SELECT order_id, product_id, status, quantity - filled AS units,
            sum(quantity - filled) OVER (PARTITION BY product_id ORDER BY order_id) AS upto
        FROM inventory.backorder WHERE product_id = ANY(:products) AND {OPEN}
    ), part AS (
        SELECT order_id, product_id, warehouse_id, status,
            (least(queue.upto, level.upto) - greatest(queue.upto - units, level.upto - free))::int AS units
        FROM queue JOIN level USING (product_id)
        WHERE least(queue.upto, level.upto) > greatest(queue.upto - units, level.upto - free)
    ), supplied AS (
        SELECT order_id, product_id, sum(units)::int AS units FROM part GROUP BY 1, 2
    ), shorter AS (
        UPDATE inventory.backorder AS mine SET filled = filled + units, updated_at = now(),
            status = CASE WHEN filled + units = quantity THEN 'filled' ELSE status END
        FROM supplied WHERE mine.order_id = supplied.order_id AND mine.product_id = supplied.product_id
    ), freed AS (
        UPDATE inventory.backorder_terms AS terms SET backordered = backordered - units,
            excess = greatest(backordered - units - maximum, 0)
        FROM (SELECT product_id, sum(units)::int AS units FROM supplied GROUP BY 1) AS done
        WHERE terms.product_id = done.product_id
    ), held AS (
        UPDATE inventory.stock SET reserved = level.reserved + taken.units,
            {low_since("level.on_hand - level.reserved - taken.units")}
        FROM level JOIN (
            SELECT product_id, warehouse_id, sum(units)::int AS units FROM part GROUP BY 1, 2
        ) AS taken USING (product_id, warehouse_id)
        WHERE stock.product_id = level.product_id AND stock.warehouse_id = level.warehouse_id
    ), recorded AS (
        INSERT INTO inventory.reservation AS mine (order_id, product_id, warehouse_id, quantity, status)
        SELECT order_id, product_id, warehouse_id, units,
            CASE status WHEN 'waiting' THEN 'allocated' ELSE 'reserved' END
        FROM part
        {ALLOCATE_MORE}
    )
    SELECT order_id, product_id, warehouse_id, status, units FROM part ORDER BY order_id, product_id, warehouse_id
""").bindparams(  # noqa: S608, constants only
    bindparam("products", type_=ARRAY(Id("prd"))), bindparam("warehouses", type_=ARRAY(Id("wh"))),
).columns(
    order_id=Id("ord"), product_id=Id("prd"), warehouse_id=Id("wh"), status=String, units=Integer
)  # fmt: skip


def fill(session: Session, levels: Iterable[LevelKey]) -> set[LevelKey]:
    """Reserves what is available in these levels, which the caller has locked, for the orders that wait for it.

    In the order in which they were placed. Emits `backorder.filled` for each confirmed order. Returns the levels that
    units were taken from. A single statement if no product has terms.
    """
    risen = list(levels)
    products = {product_id for product_id, _ in risen}
    if not risen:
        return set()
    terms = session.connection().execute(_LOCK_TERMS, {"product_ids": sorted(products)})
    if not any(row.backordered for row in terms.all()):
        return set()
    values = {"products": [one for one, _ in risen], "warehouses": [one for _, one in risen]}
    parts = session.execute(_FILL, values).all()
    told: dict[str, dict[str, int]] = {}
    for part in parts:
        if part.status == "waiting":
            lines = told.setdefault(part.order_id, {})
            lines[part.product_id] = lines.get(part.product_id, 0) + part.units
    for order_id, lines in told.items():
        event_log.emit(session, BackorderFilled(order_id=order_id, quantities=lines))
    return {(part.product_id, part.warehouse_id) for part in parts}


def fill_risen(session: Session, levels: Sequence[Any]) -> None:
    """Fills backorders from levels that have risen, and emits `stock.low` and `stock.recovered` for the outcome.

    `levels`: rows of locked levels with `was_low`, and `recovered` if they have risen above their reorder point.
    """
    taken = fill(session, [(level.product_id, level.warehouse_id) for level in levels])
    untouched = [level for level in levels if (level.product_id, level.warehouse_id) not in taken]
    announce(session, StockRecovered, [level for level in untouched if level.recovered])
    if not taken:
        return
    was_low = {(level.product_id, level.warehouse_id): level.was_low for level in levels}
    found = select(Stock).where(tuple_(Stock.product_id, Stock.warehouse_id).in_(taken))
    found = found.order_by(Stock.product_id, Stock.warehouse_id)
    for level in session.scalars(found.execution_options(populate_existing=True)):
        announce_change(session, level, was_low[level.product_id, level.warehouse_id])


# Also the products of what the order has reserved, from which other orders may be filled.
_LEVELS_OF_ORDER = """
    SELECT product_id, warehouse_id, low_since IS NOT NULL AS was_low, false AS recovered FROM inventory.stock
    WHERE product_id IN (
        SELECT product_id FROM inventory.backorder WHERE order_id = :order_id
        UNION SELECT product_id FROM inventory.reservation WHERE order_id = :order_id
    )
    ORDER BY product_id, warehouse_id"""


def _levels(ending: str = "") -> Any:
    query = text(_LEVELS_OF_ORDER + ending).bindparams(bindparam("order_id", type_=Id("ord")))
    return query.columns(product_id=Id("prd"), warehouse_id=Id("wh"))


_READ_OF_ORDER, _LOCK_OF_ORDER = _levels(), _levels(" FOR UPDATE")
_OF_ORDER = select(Backorder.product_id).where(Backorder.order_id == bindparam("of_order"))


def lock_of_order(session: Session, order_id: str) -> Sequence[Any] | None:
    """Locks the levels and the terms of an order that has backorders. Returns the levels; None if it has none.

    A transaction calls it once, before it locks other levels. Once terms are locked, nothing is reserved for the order.
    """
    products = set(session.connection().scalars(_OF_ORDER, {"of_order": order_id}))
    while products:
        with session.begin_nested() as attempt:
            levels = session.execute(_LOCK_OF_ORDER, {"order_id": order_id}).all()
            terms = sorted(products | {level.product_id for level in levels})
            session.connection().execute(_LOCK_TERMS, {"product_ids": terms})
            if len(session.execute(_READ_OF_ORDER, {"order_id": order_id}).all()) == len(levels):
                return levels
            # A level was inserted while this waited for the terms, and units in it may have filled the backorders. It
            # cannot be locked now, after the terms: whoever has locked it may wait for them.
            attempt.rollback()
    return None


_CONFIRM = (
    update(Backorder)
    .where(Backorder.order_id == bindparam("of_order"), Backorder.status == "reserved")
    .values(status="waiting", updated_at=func.now())
    .returning(Backorder.product_id, Backorder.quantity - Backorder.filled, Backorder.promised_on)
)


def confirm(session: Session, order_id: str) -> None:
    """The backorders of a confirmed order wait from now on. Emits `stock.backordered` for each, by product. Idempotent.

    The caller has called `lock_of_order`.
    """
    confirmed = session.connection().execute(_CONFIRM, {"of_order": order_id}).all()
    for product_id, units, promised_on in sorted(confirmed, key=lambda row: row.product_id):
        waiting = StockBackordered(
            product_id=product_id, order_id=order_id, quantity=units, promised_on=promised_on.isoformat()
        )
        event_log.emit(session, waiting)


_FREE = text(f"""
    WITH gone AS (
        UPDATE inventory.backorder SET status = 'released', updated_at = now()
        WHERE order_id = :order_id AND {OPEN} RETURNING product_id, quantity - filled AS units
    )
    UPDATE inventory.backorder_terms AS terms SET backordered = backordered - units,
        excess = greatest(backordered - units - maximum, 0)
    FROM gone WHERE terms.product_id = gone.product_id
""").bindparams(bindparam("order_id", type_=Id("ord")))  # noqa: S608, constants only


def free(session: Session, order_id: str) -> None:
    """Ends the backorders of an order: others can be sold in their place. The caller has called `lock_of_order`.

    Idempotent.
    """
    session.connection().execute(_FREE, {"order_id": order_id})


def lock_waiting(session: Session, order_id: str) -> dict[str, int]:
    """Product → backordered units of an order. Locks what `lock_of_order` locks, so that they are not filled."""
    if lock_of_order(session, order_id) is None:
        return {}
    query = select(Backorder.product_id, Backorder.quantity - Backorder.filled)
    is_open = Backorder.status.in_(BACKORDER_STATUS.preceding("released"))
    return dict(session.execute(query.where(Backorder.order_id == order_id, is_open)).all())


_FREE_UNITS = text("""
    WITH given AS (
        SELECT product_id, units FROM unnest(:products, :quantities) AS line (product_id, units)
    ), gone AS (
        UPDATE inventory.backorder AS mine SET updated_at = now(),
            quantity = CASE WHEN quantity = units THEN quantity ELSE quantity - units END,
            status = CASE WHEN quantity = units THEN 'released' WHEN quantity - units = filled THEN 'filled'
                ELSE status END
        FROM given WHERE order_id = :order_id AND mine.product_id = given.product_id
    )
    UPDATE inventory.backorder_terms AS terms SET backordered = backordered - units,
        excess = greatest(backordered - units - maximum, 0)
    FROM given WHERE terms.product_id = given.product_id
""").bindparams(
    bindparam("order_id", type_=Id("ord")), bindparam("products", type_=ARRAY(Id("prd"))),
    bindparam("quantities", type_=ARRAY(Integer)),
)  # fmt: skip


def free_units(session: Session, order_id: str, units: Mapping[str, int]) -> None:
    """Ends some of the backordered units of an order (product → units), which `lock_waiting` has returned."""
    values = {"order_id": order_id, "products": list(units), "quantities": list(units.values())}
    session.connection().execute(_FREE_UNITS, values)


_WAITING = select(Backorder.order_id).where(
    Backorder.order_id == bindparam("of_order"), Backorder.status.in_(BACKORDER_STATUS.preceding("released"))
)


def is_waiting(session: Session, order_id: str) -> bool:
    """Whether units of an order are backordered."""
    return session.connection().scalar(_WAITING.limit(1), {"of_order": order_id}) is not None
