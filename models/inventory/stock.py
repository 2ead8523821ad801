"""Stock levels and stock movements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from durable.ids import new_id
from models import catalogue
from models.core.errors import Conflict, InsufficientStock, Invalid, NotFound
from models.inventory.backorders import fill
from models.inventory.low_stock import announce_change, is_low, set_flag
from models.inventory.tables import BackorderTerms, Movement, Stock, Warehouse
from models.inventory.warehouses import (
    MAX_LEVEL,
    check_fits,
    get_default_warehouse,
    get_remaining_capacity,
    get_warehouse,
    lock_warehouse,
    over_capacity,
)


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

    Added units fill backorders. Not idempotent. Raises Invalid for 0, NotFound, InsufficientStock with `available` if
    fewer units are on hand, and
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
    was_low = set_flag(level)
    session.flush()  # the event of the movement reads the level
    movement = Movement(
        id=new_id("mov"), product_id=product_id, warehouse_id=warehouse.id, quantity=quantity,
        reason=reason, reference=reference, actor=actor,
    )  # fmt: skip
    session.add(movement)
    session.flush()
    if quantity > 0 and fill(session, [(product_id, warehouse.id)]):
        session.refresh(level)
    announce_change(session, level, was_low)
    return movement, level


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
    fill(session, [(opening.product_id, warehouse.id) for opening in rows])
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
    was_low = set_flag(level)
    session.flush()
    announce_change(session, level, was_low)
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


def orderable_of(product_id: InstrumentedAttribute[str]) -> ColumnElement[int]:
    """The units of the product in a column that can be ordered, from stock or beyond it, as an expression.

    At most MAX_LEVEL: the levels of several warehouses together exceed an integer.
    """
    terms = select(func.greatest(BackorderTerms.maximum - BackorderTerms.backordered, 0))
    beyond = terms.where(BackorderTerms.product_id == product_id).scalar_subquery()
    return func.least(available_of(product_id) + func.coalesce(beyond, 0), MAX_LEVEL)


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
