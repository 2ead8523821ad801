"""Stock levels and stock movements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, ColumnElement, Integer, ScalarSelect, Select, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from durable.ids import Id, new_id
from models import catalogue
from models.core.errors import Conflict, InsufficientStock, Invalid, NotFound
from models.core.events import StockLow, StockRecovered
from models.inventory.low_stock import CROSSED, announce, crossed_columns, is_low, low_since, update_flag
from models.inventory.tables import Movement, Stock, Warehouse
from models.inventory.warehouses import (
    MAX_LEVEL,
    check_fits,
    get_default_warehouse,
    get_remaining_capacity,
    get_warehouse,
    lock_warehouse,
    over_capacity,
)

WRITE_OFF = "write-off"
"""The reason of movements of units that are damaged or missing."""


def adjust(
    session: Session,
    product_id: str,
    quantity: int,
    reason: str,
    warehouse_id: str | None = None,
    actor: str | None = None,
    reference: str | None = None,
) -> tuple[Movement, Stock]:
    """Adjusts a stock level by `quantity` units (+ or -) in a warehouse, by default the default one.

    Not idempotent. Raises Invalid for 0, NotFound, InsufficientStock with `available` if fewer units are on hand, and
    Conflict: `below_reserved` if the rest is reserved, `warehouse_closed`, `capacity_exceeded` with `remaining`.
    """
    if quantity == 0 or abs(quantity) > MAX_LEVEL:
        raise Invalid("The quantity is out of range.", errors={"quantity": ["Must not be 0, nor exceed a billion."]})
    warehouse = get_warehouse(session, warehouse_id)
    if quantity > 0:
        kind = catalogue.get_product(session, product_id).kind
        check_fits(session, lock_warehouse(session, warehouse.id), {kind: quantity})
    elif session.get(catalogue.Product, product_id) is None:  # stock of a deleted product can be removed
        raise NotFound("No such product.")
    level = _lock_level(session, product_id, warehouse.id)
    _check_level(level, quantity)
    level.on_hand += quantity
    update_flag(session, level)
    movement = Movement(
        id=new_id("mov"), product_id=product_id, warehouse_id=warehouse.id, quantity=quantity,
        reason=reason, reference=reference, actor=actor,
    )  # fmt: skip
    session.add(movement)
    session.flush()
    return movement, level


# Locks levels in the same order as reservations do; `was_low` is read from the locked row.
_RECEIVE = crossed_columns(
    text(f"""
    WITH come AS (
        SELECT product_id, quantity FROM unnest(:products, :quantities) AS line (product_id, quantity)
    ), locked AS MATERIALIZED (
        SELECT product_id, quantity, low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN come USING (product_id) WHERE warehouse_id = :warehouse_id
        ORDER BY product_id
        FOR UPDATE OF stock
    )
    UPDATE inventory.stock SET on_hand = on_hand + locked.quantity, {low_since("on_hand - reserved + locked.quantity")}
    FROM locked
    WHERE stock.product_id = locked.product_id AND warehouse_id = :warehouse_id
    RETURNING {CROSSED}, was_low AND low_since IS NULL AS recovered
    """).bindparams(  # noqa: S608, constants only
        bindparam("warehouse_id", type_=Id("wh")),
        bindparam("products", type_=ARRAY(Id("prd"))),
        bindparam("quantities", type_=ARRAY(Integer)),
    ),
    recovered=Boolean,
)


def receive_stock(
    session: Session, warehouse_id: str, pieces: Mapping[str, int], reason: str, reference: str, actor: str | None,
    written_off: Mapping[str, int] | None = None,
) -> None:  # fmt: skip
    """Receives `pieces` (product id → units, all above 0) into a warehouse whose capacity the caller has checked.

    `written_off`: of those, units that are damaged or missing, and never become available. Inserts a movement per
    product, and one for what is written off. Emits `stock.recovered` for levels that rise above their reorder point.
    """
    if not pieces:
        return
    lost = {product_id: units for product_id, units in (written_off or {}).items() if units}
    at = [{"product_id": product_id, "warehouse_id": warehouse_id} for product_id in sorted(pieces)]
    session.connection().execute(insert(Stock).on_conflict_do_nothing(), at)
    net = {product_id: units - lost.get(product_id, 0) for product_id, units in pieces.items()}
    quantities = {"products": list(net), "quantities": list(net.values())}
    changed = session.execute(_RECEIVE, {"warehouse_id": warehouse_id, **quantities}).all()
    about = {"reference": reference, "actor": actor}
    moved = [{"quantity": pieces[row["product_id"]], "reason": reason, **row} for row in at]
    moved += [
        {"quantity": -lost[row["product_id"]], "reason": WRITE_OFF, **row} for row in at if row["product_id"] in lost
    ]
    session.connection().execute(insert(Movement), [{"id": new_id("mov"), **row, **about} for row in moved])
    announce(session, StockRecovered, [level for level in changed if level.recovered])


_TAKE_OUT = crossed_columns(
    text(f"""
    WITH wanted AS (
        SELECT product_id, quantity FROM unnest(:products, :quantities) AS line (product_id, quantity)
    ), locked AS MATERIALIZED (
        SELECT product_id, quantity, on_hand - reserved AS available, on_hand, low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN wanted USING (product_id) WHERE warehouse_id = :warehouse_id
        ORDER BY product_id
        FOR UPDATE OF stock
    ), short AS (
        SELECT product_id, wanted.quantity AS requested, coalesce(available, 0) AS available
        FROM wanted LEFT JOIN locked USING (product_id) WHERE coalesce(available, 0) < wanted.quantity
    ), taken AS (
        UPDATE inventory.stock SET on_hand = locked.on_hand - quantity, {low_since("available - quantity")}
        FROM locked WHERE stock.product_id = locked.product_id AND warehouse_id = :warehouse_id
        AND NOT EXISTS (SELECT FROM short)
        RETURNING {CROSSED}, NOT was_low AND low_since IS NOT NULL AS fell
    )
    SELECT product_id, NULL AS warehouse_id, available, NULL AS reorder_point, NULL AS reorder_quantity, requested
    FROM short
    UNION ALL
    SELECT product_id, warehouse_id, available, reorder_point, reorder_quantity, NULL FROM taken WHERE fell
    ORDER BY product_id
    """).bindparams(  # noqa: S608, constants only
        bindparam("warehouse_id", type_=Id("wh")),
        bindparam("products", type_=ARRAY(Id("prd"))),
        bindparam("quantities", type_=ARRAY(Integer)),
    ),
    requested=Integer,
)


def take_out(session: Session, warehouse_id: str, pieces: Mapping[str, int], reason: str, reference: str) -> None:
    """Takes `pieces` (product id → units) that are not reserved out of a warehouse, all or none.

    Inserts a movement per product. Emits `stock.low` for levels that fall to their reorder point. Raises
    InsufficientStock with `lines` [{product_id, requested, available}].
    """
    quantities = {"products": list(pieces), "quantities": list(pieces.values())}
    found = session.execute(_TAKE_OUT, {"warehouse_id": warehouse_id, **quantities}).all()
    refuse_short(found, "The source does not have these units available.")
    about = {"warehouse_id": warehouse_id, "reason": reason, "reference": reference, "actor": None}
    moved = [{"id": new_id("mov"), "product_id": product, "quantity": -n, **about} for product, n in pieces.items()]
    session.connection().execute(insert(Movement), moved)
    announce(session, StockLow, found)


def refuse_short(found: Sequence[Any], detail: str) -> None:
    """Raises InsufficientStock if rows have a number of `requested` units: those are the ones that are short."""
    names = ("product_id", "requested", "available")
    short = [{name: getattr(row, name) for name in names} for row in found if row.requested is not None]
    if short:
        raise InsufficientStock(detail, lines=short)


_OPEN = """
    WITH given AS (
        SELECT * FROM unnest(%(products)s::uuid[], %(movements)s::uuid[], %(pieces)s::integer[],
            %(points)s::integer[], %(lows)s::timestamptz[]) AS given (product_id, movement_id, pieces, point, low)
    ), opened AS (
        INSERT INTO inventory.stock (product_id, warehouse_id, on_hand, reorder_point, low_since)
        SELECT product_id, %(warehouse_id)s::uuid, pieces, point, low FROM given
        ON CONFLICT DO NOTHING RETURNING product_id
    ), moved AS (
        INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason, reference)
        SELECT movement_id, product_id, %(warehouse_id)s::uuid, pieces, 'opening stock', %(reference)s
        FROM given JOIN opened USING (product_id) WHERE pieces > 0
    )
    SELECT count(*) FROM opened
"""


@dataclass(frozen=True)
class Opening:
    """The opening stock of a new product."""

    product_id: str
    on_hand: int
    reorder_point: int | None = None


def open_stock(session: Session, openings: Sequence[Opening], reference: str | None = None) -> int:
    """Creates stock levels for products that have none in the default warehouse. Returns their number.

    Existing levels are not changed, so the function is idempotent. A level that starts low is listed as low, but emits
    no event. Raises Conflict (`capacity_exceeded`).
    """
    warehouse = lock_warehouse(session, get_default_warehouse(session).id)
    if not openings:
        return 0
    now = datetime.now(UTC)
    rows = sorted(openings, key=lambda opening: opening.product_id)
    values = {
        "warehouse_id": UUID(warehouse.id.removeprefix("wh_")), "reference": reference,
        "products": [UUID(opening.product_id.removeprefix("prd_")) for opening in rows],
        "movements": [UUID(new_id("mov").removeprefix("mov_")) for _ in rows],
        "pieces": [opening.on_hand for opening in rows],
        "points": [opening.reorder_point for opening in rows],
        "lows": [_low_since(opening, now) for opening in rows],
    }  # fmt: skip
    opened: int = session.connection().exec_driver_sql(_OPEN, values).scalar_one()
    for kind, room in get_remaining_capacity(session, warehouse).items():
        if room is not None and room < 0:
            raise over_capacity(warehouse, kind, 0)
    return opened


def _low_since(opening: Opening, now: datetime) -> datetime | None:
    return now if is_low(opening.on_hand, opening.reorder_point) else None


def set_threshold(
    session: Session, product_id: str, warehouse_id: str | None, reorder_point: int | None, reorder_quantity: int | None
) -> Stock:
    """Sets reorder point and reorder quantity of a stock level; None removes the rule.

    Emits `stock.low` if the level is low by the new rule and was not by the old one. Raises NotFound.
    """
    catalogue.get_product(session, product_id)
    level = _lock_level(session, product_id, get_warehouse(session, warehouse_id).id)
    level.reorder_point, level.reorder_quantity = reorder_point, reorder_quantity
    update_flag(session, level)
    session.flush()
    return level


def get_available(session: Session, product_ids: Iterable[str]) -> dict[str, int]:
    """Product id → available units in all active warehouses; 0 without stock."""
    wanted = set(product_ids)
    query = select(Stock.product_id, func.sum(Stock.on_hand - Stock.reserved)).join(Warehouse)
    query = query.where(Stock.product_id.in_(wanted), Warehouse.status == "active").group_by(Stock.product_id)
    found = dict(session.execute(query).all())
    return {product_id: found.get(product_id, 0) for product_id in wanted}


def available_of(product_id: InstrumentedAttribute[str]) -> ScalarSelect[int]:
    """The available units of the product in a column, as a subquery."""
    pieces = func.coalesce(func.sum(Stock.on_hand - Stock.reserved), 0)
    query = select(pieces).join(Warehouse).where(Stock.product_id == product_id, Warehouse.status == "active")
    return query.scalar_subquery()


def in_stock(product_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether units of the product in a column are available, as a condition."""
    free = Stock.product_id == product_id, Stock.on_hand > Stock.reserved, Warehouse.status == "active"
    return select(Stock.product_id).join(Warehouse).where(*free).exists()


def select_levels(
    product_id: str | None = None, warehouse_id: str | None = None, low: bool = False
) -> Select[Stock, str, str]:
    """The query for stock levels with SKU and title. The caller orders it.

    `low`: only levels whose available units are at or below the reorder point.
    """
    product = catalogue.Product
    query = select(Stock, product.sku, product.title).join(product, product.id == Stock.product_id)
    if product_id:
        query = query.where(Stock.product_id == product_id)
    if warehouse_id:
        query = query.where(Stock.warehouse_id == warehouse_id)
    if low:
        query = query.where(Stock.low_since.is_not(None))
    return query


def select_movements(product_id: str | None = None, warehouse_id: str | None = None) -> Select[Movement]:
    """The query for stock movements. The caller orders it."""
    query = select(Movement)
    if product_id:
        query = query.where(Movement.product_id == product_id)
    if warehouse_id:
        query = query.where(Movement.warehouse_id == warehouse_id)
    return query


def _lock_level(session: Session, product_id: str, warehouse_id: str) -> Stock:
    """Returns the row of a level, locked; creates it if missing."""
    new = insert(Stock).values(product_id=product_id, warehouse_id=warehouse_id)
    new = new.on_conflict_do_update(index_elements=["product_id", "warehouse_id"], set_={"on_hand": Stock.on_hand})
    return session.scalars(new.returning(Stock), execution_options={"populate_existing": True}).one()


def _check_level(level: Stock, quantity: int) -> None:
    left = level.on_hand + quantity
    if left < 0:
        raise InsufficientStock(f"Only {level.on_hand} units are on hand.", available=level.on_hand - level.reserved)
    if left < level.reserved:
        raise Conflict(
            f"{level.reserved} of the {level.on_hand} units are reserved.",
            code="below_reserved", available=level.on_hand - level.reserved,
        )  # fmt: skip
    if left > MAX_LEVEL:
        raise Conflict("A stock level cannot exceed a billion units.", code="capacity_exceeded",
                       remaining=MAX_LEVEL - level.on_hand)  # fmt: skip
