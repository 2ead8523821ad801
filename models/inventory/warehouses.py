"""Warehouses: address, status and capacity."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import catalogue
from models.core.errors import Conflict, Invalid, NotFound
from models.inventory.backorders import fill_risen
from models.inventory.tables import WAREHOUSE_STATUS, BackorderTerms, PurchaseLine, PurchaseOrder, Stock, Warehouse
from models.inventory.transfer_tables import TRANSFER_STATUS, Transfer, TransferLine

MAX_LEVEL = 1_000_000_000  # fits into a PostgreSQL integer, with room for one more movement
DEFAULT_NAME = "Main warehouse"


def seed(session: Session | Connection) -> None:
    """Creates the default warehouse. Idempotent."""
    row = {"id": new_id("wh"), "name": DEFAULT_NAME, "is_default": True}
    session.execute(insert(Warehouse).values(row).on_conflict_do_nothing())


def get_default_warehouse(session: Session) -> Warehouse:
    """Returns the default warehouse."""
    return session.scalars(select(Warehouse).where(Warehouse.is_default)).one()


def get_warehouse(session: Session, warehouse_id: str | None) -> Warehouse:
    """Returns a warehouse, by default the default one. Raises NotFound."""
    if warehouse_id is None:
        return get_default_warehouse(session)
    warehouse = session.get(Warehouse, warehouse_id)
    if warehouse is None:
        raise NotFound("No such warehouse.")
    return warehouse


def select_warehouses() -> Select[Warehouse]:
    """The query for all warehouses. The caller orders it."""
    return select(Warehouse)


def create_warehouse(
    session: Session, name: str, address: Mapping[str, str], capacity: Mapping[str, int | None], status: str = "active"
) -> Warehouse:
    """Creates a warehouse. Raises Conflict (`name_taken`), and Invalid for a capacity of an unknown kind."""
    _check_kinds(session, capacity)
    row = {"id": new_id("wh"), "name": name, "address": dict(address), "capacity": dict(capacity), "status": status}
    new = insert(Warehouse).values(row).on_conflict_do_nothing(index_elements=["name"])
    warehouse = session.scalars(new.returning(Warehouse)).one_or_none()
    if warehouse is None:
        raise _name_taken(name)
    return warehouse


def update_warehouse(session: Session, warehouse_id: str, changes: Mapping[str, Any]) -> Warehouse:
    """Updates name, address, status or capacity (only the given kinds).

    A closed warehouse accepts no stock, and its stock is not sold; existing reservations are still fulfilled. Raises
    NotFound, and Conflict (`name_taken`, `default_warehouse` for closing the default one).
    """
    warehouse = lock_warehouse(session, warehouse_id)
    if changes.get("status") == "closed" and warehouse.is_default:
        raise Conflict("The default warehouse cannot be closed.", code="default_warehouse")
    name = changes.get("name", warehouse.name)
    if name != warehouse.name and session.scalar(select(Warehouse.id).where(Warehouse.name == name)):
        raise _name_taken(name)
    status = changes.get("status", warehouse.status)
    if status != warehouse.status:
        WAREHOUSE_STATUS.move(warehouse, status)
    for field in changes.keys() & {"name", "address"}:
        setattr(warehouse, field, changes[field])
    if "capacity" in changes:
        _check_kinds(session, changes["capacity"])
        warehouse.capacity = {**warehouse.capacity, **changes["capacity"]}
    warehouse.updated_at = datetime.now(UTC)
    session.flush()
    if changes.get("status") == "active":
        _fill_from(session, warehouse)
    return warehouse


def _check_kinds(session: Session, capacity: Mapping[str, int | None]) -> None:
    unknown = sorted(capacity.keys() - catalogue.kind_names(session))
    if unknown:
        raise Invalid("No such kind of products.", errors={f"capacity.{name}": ["No such kind."] for name in unknown})


_FORGET = text("""
    UPDATE inventory.warehouse SET capacity = capacity - :kind, updated_at = clock_timestamp()
    WHERE jsonb_exists(capacity, :kind)
""")


def forget_kind(session: Session, kind: str) -> None:
    """Removes the capacity for a kind that was deleted: another one with its name starts without."""
    session.execute(_FORGET, {"kind": kind})


def _fill_from(session: Session, warehouse: Warehouse) -> None:
    """Fills backorders from the stock of a warehouse that was opened."""
    was_low = Stock.low_since.is_not(None).label("was_low")
    levels = select(Stock.product_id, Stock.warehouse_id, was_low, literal(False).label("recovered"))
    levels = levels.join(BackorderTerms, BackorderTerms.product_id == Stock.product_id)
    levels = levels.where(Stock.warehouse_id == warehouse.id).order_by(Stock.product_id)
    fill_risen(session, session.execute(levels.with_for_update(of=Stock)).all())


def lock_warehouse(session: Session, warehouse_id: str) -> Warehouse:
    """Returns a warehouse, locked against changes and incoming stock. Raises NotFound."""
    query = select(Warehouse).where(Warehouse.id == warehouse_id).with_for_update(key_share=True)
    warehouse = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if warehouse is None:
        raise NotFound("No such warehouse.")
    return warehouse


def get_totals(session: Session, warehouse: Warehouse) -> dict[str, dict[str, int]]:
    """Product kind → {on_hand, reserved, available}, in total."""
    product = catalogue.Product
    query = (
        select(product.kind, func.sum(Stock.on_hand), func.sum(Stock.reserved))
        .join(product, product.id == Stock.product_id)
        .where(Stock.warehouse_id == warehouse.id)
        .group_by(product.kind)
    )
    found = {kind: {"on_hand": 0, "reserved": 0, "available": 0} for kind in catalogue.kind_names(session)}
    for kind, on_hand, reserved in session.execute(query):
        found[kind] = {"on_hand": on_hand, "reserved": reserved, "available": on_hand - reserved}
    return found


def get_remaining_capacity(session: Session, warehouse: Warehouse) -> dict[str, int | None]:
    """Product kind → remaining capacity in units. None: unlimited; negative: over capacity.

    Accepted deliveries that are not yet received, and goods in transit, count as used capacity.
    """
    limits = {kind: warehouse.capacity.get(kind) for kind in catalogue.kind_names(session)}
    if not any(limit is not None for limit in limits.values()):
        return limits
    # One statement, one snapshot: receiving a delivery moves units from one term to the other.
    stored = select(Stock.product_id, Stock.on_hand.label("pieces")).where(Stock.warehouse_id == warehouse.id)
    held = stored.union_all(*_select_coming(warehouse.id)).subquery()
    product = catalogue.Product
    query = select(product.kind, func.sum(held.c.pieces)).join(held, held.c.product_id == product.id)
    taken: dict[str, int] = dict(session.execute(query.group_by(product.kind)).all())
    return {kind: None if limit is None else limit - taken.get(kind, 0) for kind, limit in limits.items()}


def _select_coming(warehouse_id: str) -> tuple[Select[str, int], Select[str, int]]:
    """Product id and units of what a warehouse has accepted and not yet in stock: deliveries, and transfers to it."""
    unbooked = PurchaseLine.delivered - PurchaseLine.received
    delivered = select(PurchaseLine.product_id, unbooked).join(
        PurchaseOrder, PurchaseOrder.id == PurchaseLine.purchase_order_id
    )
    delivered = delivered.where(
        PurchaseOrder.warehouse_id == warehouse_id, PurchaseLine.delivered > PurchaseLine.received
    )
    transferred = select(TransferLine.product_id, TransferLine.quantity).join(Transfer)
    is_live = Transfer.status.in_(TRANSFER_STATUS.preceding("cancelled"))
    return delivered, transferred.where(Transfer.target_id == warehouse_id, is_live)


def check_room(session: Session, warehouse: Warehouse, lines: Mapping[str, int]) -> None:
    """Checks that `lines` (product id → units) fit into a locked warehouse, and that no level exceeds its maximum.

    Raises Conflict (`warehouse_closed`, `capacity_exceeded` with `remaining`).
    """
    product = catalogue.Product
    kinds = dict(session.execute(select(product.id, product.kind).where(product.id.in_(lines))).all())
    coming: Counter[str] = Counter()
    for product_id, pieces in lines.items():
        coming[kinds[product_id]] += pieces
    check_fits(session, warehouse, coming)
    stored = select(Stock.product_id, Stock.on_hand.label("pieces")).where(Stock.warehouse_id == warehouse.id)
    held = stored.union_all(*_select_coming(warehouse.id)).subquery()
    totals = select(held.c.product_id, func.sum(held.c.pieces)).where(held.c.product_id.in_(lines))
    there = Counter(dict(session.execute(totals.group_by(held.c.product_id)).all()))
    for product_id, pieces in lines.items():
        if there[product_id] + pieces > MAX_LEVEL:
            raise Conflict("A stock level cannot exceed a billion units.", code="capacity_exceeded",
                           remaining=max(MAX_LEVEL - there[product_id], 0))  # fmt: skip


def check_open(warehouse: Warehouse) -> None:
    """Raises Conflict (`warehouse_closed`) if the warehouse is closed."""
    if warehouse.status == "closed":
        raise Conflict(f"{warehouse.name} is closed and accepts no stock.", code="warehouse_closed")


def check_fits(session: Session, warehouse: Warehouse, coming: Mapping[str, int]) -> None:
    """Checks that `coming` (product kind → units) fits into a locked warehouse.

    Raises Conflict (`warehouse_closed`, `capacity_exceeded` with `remaining`).
    """
    check_open(warehouse)
    for kind, room in get_remaining_capacity(session, warehouse).items():
        if room is not None and coming.get(kind, 0) > room:
            raise over_capacity(warehouse, kind, max(room, 0))


def over_capacity(warehouse: Warehouse, kind: str, room: int) -> Conflict:
    """The error for exceeded capacity."""
    detail = f"{warehouse.name} has capacity for {room} more units of kind {kind}."
    return Conflict(detail, code="capacity_exceeded", remaining=room)


def check_capacity(session: Session, warehouse: Warehouse, product_id: str, quantity: int) -> tuple[bool, int | None]:
    """Whether the units fit, and the remaining capacity (None: unlimited). Raises NotFound."""
    kind = catalogue.get_product(session, product_id).kind
    room = get_remaining_capacity(session, warehouse)[kind]
    return (True, None) if room is None else (quantity <= room, max(room, 0))


def _name_taken(name: str) -> Conflict:
    return Conflict(f"A warehouse named {name} already exists.", code="name_taken")
