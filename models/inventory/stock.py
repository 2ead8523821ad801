"""Levels of stock and the movements that make them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import catalogue
from models.database import new_id
from models.errors import Conflict, InsufficientStock, Invalid, NotFound
from models.inventory.tables import Movement, Stock, Warehouse
from models.inventory.warehouses import default_warehouse, get_warehouse, lock_warehouse, room_left

MAX_LEVEL = 1_000_000_000  # below what PostgreSQL's integer holds, with room for one more movement


def adjust(
    session: Session,
    product_id: str,
    quantity: int,
    reason: str,
    warehouse_id: str | None = None,
    actor: str | None = None,
    reference: str | None = None,
) -> tuple[Movement, Stock]:
    """Moves `quantity` pieces (+ in, - out) in the warehouse, or in the default one; movement and level together.

    Each call is a movement of its own. Raises Invalid for 0, NotFound, InsufficientStock with `available` when
    less lies there, Conflict `below_reserved` when the rest is promised to orders, `warehouse_closed` and
    `capacity_exceeded` with `remaining` for what can't come in.
    """
    if quantity == 0 or abs(quantity) > MAX_LEVEL:
        raise Invalid("That many pieces can't be moved.", errors={"quantity": ["Must not be 0, nor beyond a billion."]})
    warehouse = get_warehouse(session, warehouse_id)
    if quantity > 0:
        kind = catalogue.get_product(session, product_id).kind
        _check_room(session, lock_warehouse(session, warehouse.id), kind, quantity)
    elif session.get(catalogue.Product, product_id) is None:  # what is left of a deleted product may go
        raise NotFound("There is no such product.")
    level = _locked(session, product_id, warehouse.id)
    _check_level(level, quantity)
    level.on_hand += quantity
    movement = Movement(
        id=new_id("mov"), product_id=product_id, warehouse_id=warehouse.id, quantity=quantity,
        reason=reason, reference=reference, actor=actor,
    )  # fmt: skip
    session.add(movement)
    session.flush()
    return movement, level


@dataclass(frozen=True)
class Opening:
    """What lies in the shop of a product when it is first heard of."""

    product_id: str
    on_hand: int
    reorder_point: int | None = None


def open_stock(session: Session, openings: Sequence[Opening], reference: str | None = None) -> int:
    """Stock of products that the default warehouse does not know yet; returns how many those were.

    A product that it knows is left alone, so a second call does nothing. Raises Conflict `capacity_exceeded`
    where the warehouse has a limit and no room.
    """
    warehouse = lock_warehouse(session, default_warehouse(session).id)
    rows = [
        {**asdict(opening), "warehouse_id": warehouse.id}
        for opening in sorted(openings, key=lambda opening: opening.product_id)
    ]
    if not rows:
        return 0
    new = insert(Stock).on_conflict_do_nothing().returning(Stock.product_id, Stock.on_hand)
    opened = session.connection().execute(new, rows).all()
    moved = [
        {"id": new_id("mov"), "product_id": product_id, "warehouse_id": warehouse.id, "quantity": on_hand,
         "reason": "opening stock", "reference": reference}
        for product_id, on_hand in opened if on_hand
    ]  # fmt: skip
    if moved:
        session.connection().execute(insert(Movement), moved)
    for kind, room in room_left(session, warehouse).items():
        if room is not None and room < 0:
            raise _overfull(warehouse, kind, 0)
    return len(opened)


def set_threshold(
    session: Session, product_id: str, warehouse_id: str | None, reorder_point: int | None, reorder_quantity: int | None
) -> Stock:
    """At which level of available pieces to order more, and how many; None takes the rule away. Raises NotFound."""
    catalogue.get_product(session, product_id)
    level = _locked(session, product_id, get_warehouse(session, warehouse_id).id)
    level.reorder_point, level.reorder_quantity = reorder_point, reorder_quantity
    session.flush()
    return level


def available(session: Session, product_ids: Iterable[str]) -> dict[str, int]:
    """Product id → pieces that can be sold now, from all active warehouses together; 0 for those without stock."""
    wanted = set(product_ids)
    query = select(Stock.product_id, func.sum(Stock.on_hand - Stock.reserved)).join(Warehouse)
    query = query.where(Stock.product_id.in_(wanted), Warehouse.status == "active").group_by(Stock.product_id)
    found = dict(session.execute(query).all())
    return {product_id: found.get(product_id, 0) for product_id in wanted}


def available_of(product_id: InstrumentedAttribute[str]) -> ScalarSelect[int]:
    """For other queries: the pieces of the product in that column that can be sold now."""
    pieces = func.coalesce(func.sum(Stock.on_hand - Stock.reserved), 0)
    query = select(pieces).join(Warehouse).where(Stock.product_id == product_id, Warehouse.status == "active")
    return query.scalar_subquery()


def in_stock(product_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """For other queries: whether a piece of the product in that column can be sold now."""
    free = Stock.product_id == product_id, Stock.on_hand > Stock.reserved, Warehouse.status == "active"
    return select(Stock.product_id).join(Warehouse).where(*free).exists()


def levels(
    product_id: str | None = None, warehouse_id: str | None = None, low: bool = False
) -> Select[Stock, str, str]:
    """Levels of stock with their products' SKU and title, to be ordered by the caller.

    `low`: only where what is available has come down to the reorder point.
    """
    product = catalogue.Product
    query = select(Stock, product.sku, product.title).join(product, product.id == Stock.product_id)
    if product_id:
        query = query.where(Stock.product_id == product_id)
    if warehouse_id:
        query = query.where(Stock.warehouse_id == warehouse_id)
    if low:
        query = query.where(Stock.reorder_point.is_not(None), Stock.on_hand - Stock.reserved <= Stock.reorder_point)
    return query


def movements(product_id: str | None = None, warehouse_id: str | None = None) -> Select[Any]:
    """Movements of stock, to be ordered by the caller."""
    query = select(Movement)
    if product_id:
        query = query.where(Movement.product_id == product_id)
    if warehouse_id:
        query = query.where(Movement.warehouse_id == warehouse_id)
    return query


def _locked(session: Session, product_id: str, warehouse_id: str) -> Stock:
    """The level's row, made if it is missing, and locked."""
    new = insert(Stock).values(product_id=product_id, warehouse_id=warehouse_id)
    new = new.on_conflict_do_update(index_elements=["product_id", "warehouse_id"], set_={"on_hand": Stock.on_hand})
    return session.scalars(new.returning(Stock), execution_options={"populate_existing": True}).one()


def _check_level(level: Stock, quantity: int) -> None:
    left = level.on_hand + quantity
    if left < 0:
        raise InsufficientStock(f"Only {level.on_hand} pieces lie there.", available=level.on_hand - level.reserved)
    if left < level.reserved:
        raise Conflict(
            f"{level.reserved} of the {level.on_hand} pieces are promised to orders.",
            code="below_reserved", available=level.on_hand - level.reserved,
        )  # fmt: skip
    if left > MAX_LEVEL:
        raise Conflict("No more than a billion pieces are counted.", code="capacity_exceeded",
                       remaining=MAX_LEVEL - level.on_hand)  # fmt: skip


def _check_room(session: Session, warehouse: Warehouse, kind: str, quantity: int) -> None:
    if warehouse.status == "closed":
        raise Conflict(f"{warehouse.name} is closed and takes nothing in.", code="warehouse_closed")
    room = room_left(session, warehouse)[kind]
    if room is not None and quantity > room:
        raise _overfull(warehouse, kind, max(room, 0))


def _overfull(warehouse: Warehouse, kind: str, room: int) -> Conflict:
    detail = f"{warehouse.name} has room for {room} more of kind {kind}."
    return Conflict(detail, code="capacity_exceeded", remaining=room)
