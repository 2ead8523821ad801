"""Warehouses: where they are, whether they are open, and how much more of each kind fits in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import catalogue
from models.core.errors import Conflict, NotFound
from models.inventory.tables import WAREHOUSE_STATUS, PurchaseLine, PurchaseOrder, Stock, Warehouse

DEFAULT_NAME = "Main warehouse"


def seed(session: Session | Connection) -> None:
    """Makes the default warehouse that every shop has; a second call does nothing."""
    row = {"id": new_id("wh"), "name": DEFAULT_NAME, "is_default": True}
    session.execute(insert(Warehouse).values(row).on_conflict_do_nothing())


def get_default_warehouse(session: Session) -> Warehouse:
    """The warehouse that is meant where none is named."""
    return session.scalars(select(Warehouse).where(Warehouse.is_default)).one()


def get_warehouse(session: Session, warehouse_id: str | None) -> Warehouse:
    """The warehouse, or for None the default one. Raises NotFound."""
    if warehouse_id is None:
        return get_default_warehouse(session)
    warehouse = session.get(Warehouse, warehouse_id)
    if warehouse is None:
        raise NotFound("There is no such warehouse.")
    return warehouse


def select_warehouses() -> Select[Warehouse]:
    """All warehouses, to be ordered by the caller."""
    return select(Warehouse)


def create_warehouse(
    session: Session, name: str, address: Mapping[str, str], capacity: Mapping[str, int | None], status: str = "active"
) -> Warehouse:
    """A new, empty warehouse. Raises Conflict `name_taken`."""
    row = {"id": new_id("wh"), "name": name, "address": dict(address), "capacity": dict(capacity), "status": status}
    new = insert(Warehouse).values(row).on_conflict_do_nothing(index_elements=["name"])
    warehouse = session.scalars(new.returning(Warehouse)).one_or_none()
    if warehouse is None:
        raise _name_taken(name)
    return warehouse


def update_warehouse(session: Session, warehouse_id: str, changes: Mapping[str, Any]) -> Warehouse:
    """Changes name, address, status or capacity (only the kinds that are given).

    A closed warehouse takes nothing in and sells nothing more; what is promised from it is still sent.
    Raises NotFound, Conflict `name_taken`, and Conflict `get_default_warehouse` for closing the default one.
    """
    warehouse = lock_warehouse(session, warehouse_id)
    if changes.get("status") == "closed" and warehouse.is_default:
        raise Conflict("The default warehouse can't be closed.", code="default_warehouse")
    name = changes.get("name", warehouse.name)
    if name != warehouse.name and session.scalar(select(Warehouse.id).where(Warehouse.name == name)):
        raise _name_taken(name)
    status = changes.get("status", warehouse.status)
    if status != warehouse.status:
        WAREHOUSE_STATUS.move(warehouse, status)
    for field in changes.keys() & {"name", "address"}:
        setattr(warehouse, field, changes[field])
    if "capacity" in changes:
        warehouse.capacity = {**warehouse.capacity, **changes["capacity"]}
    warehouse.updated_at = datetime.now(UTC)
    session.flush()
    return warehouse


def lock_warehouse(session: Session, warehouse_id: str) -> Warehouse:
    """The warehouse, locked against other changes and against stock coming in. Raises NotFound."""
    query = select(Warehouse).where(Warehouse.id == warehouse_id).with_for_update(key_share=True)
    warehouse = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if warehouse is None:
        raise NotFound("There is no such warehouse.")
    return warehouse


def get_totals(session: Session, warehouse: Warehouse) -> dict[str, dict[str, int]]:
    """Kind → {on_hand, reserved, available} of all that lies in the warehouse."""
    product = catalogue.Product
    query = (
        select(product.kind, func.sum(Stock.on_hand), func.sum(Stock.reserved))
        .join(product, product.id == Stock.product_id)
        .where(Stock.warehouse_id == warehouse.id)
        .group_by(product.kind)
    )
    found = {kind: {"on_hand": 0, "reserved": 0, "available": 0} for kind in catalogue.KINDS}
    for kind, on_hand, reserved in session.execute(query):
        found[kind] = {"on_hand": on_hand, "reserved": reserved, "available": on_hand - reserved}
    return found


def get_room_left(session: Session, warehouse: Warehouse) -> dict[str, int | None]:
    """Kind → how many more pieces fit in: None is without limit, and below 0 more lies there than should.

    A delivery that is accepted and not booked in yet takes its room already.
    """
    limits = {kind: warehouse.capacity.get(kind) for kind in catalogue.KINDS}
    if not any(limit is not None for limit in limits.values()):
        return limits
    # One statement, one snapshot: booking a delivery in moves pieces from one part of it to the other.
    lying = select(Stock.product_id, Stock.on_hand.label("pieces")).where(Stock.warehouse_id == warehouse.id)
    unbooked = PurchaseLine.delivered - PurchaseLine.received
    coming = select(PurchaseLine.product_id, unbooked).join(
        PurchaseOrder, PurchaseOrder.id == PurchaseLine.purchase_order_id
    )
    coming = coming.where(PurchaseOrder.warehouse_id == warehouse.id, PurchaseLine.delivered > PurchaseLine.received)
    held = lying.union_all(coming).subquery()
    product = catalogue.Product
    query = select(product.kind, func.sum(held.c.pieces)).join(held, held.c.product_id == product.id)
    taken: dict[str, int] = dict(session.execute(query.group_by(product.kind)).all())
    return {kind: None if limit is None else limit - taken.get(kind, 0) for kind, limit in limits.items()}


def check_open(warehouse: Warehouse) -> None:
    """Raises Conflict `warehouse_closed` for a warehouse that takes nothing in."""
    if warehouse.status == "closed":
        raise Conflict(f"{warehouse.name} is closed and takes nothing in.", code="warehouse_closed")


def check_room(session: Session, warehouse: Warehouse, coming: Mapping[str, int]) -> None:
    """Refuses what does not fit into a locked warehouse: `coming` is kind → pieces.

    Raises Conflict `warehouse_closed` and, with `remaining`, `capacity_exceeded`.
    """
    check_open(warehouse)
    for kind, room in get_room_left(session, warehouse).items():
        if room is not None and coming.get(kind, 0) > room:
            raise overfull(warehouse, kind, max(room, 0))


def overfull(warehouse: Warehouse, kind: str, room: int) -> Conflict:
    """The refusal of what does not fit in."""
    detail = f"{warehouse.name} has room for {room} more of kind {kind}."
    return Conflict(detail, code="capacity_exceeded", remaining=room)


def check_capacity(session: Session, warehouse: Warehouse, product_id: str, quantity: int) -> tuple[bool, int | None]:
    """Whether so many pieces of the product fit in, and how many do (None: without limit). Raises NotFound."""
    kind = catalogue.get_product(session, product_id).kind
    room = get_room_left(session, warehouse)[kind]
    return (True, None) if room is None else (quantity <= room, max(room, 0))


def _name_taken(name: str) -> Conflict:
    return Conflict(f"There is a warehouse named {name} already.", code="name_taken")
