"""Purchase orders: goods ordered for a warehouse, and their deliveries.

A delivery is accepted completely or not at all. Acceptance reserves its capacity in the warehouse until the run
`restock` receives it into stock. Lock order: run → purchase order → warehouse → stock.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import InstrumentedAttribute, Session

import durable
from durable import transitions
from durable.ids import new_id
from models import catalogue
from models.core.errors import Conflict, NotFound
from models.inventory.backorder_terms import get_terms
from models.inventory.moving import receive_stock
from models.inventory.tables import OPEN, PURCHASE_ORDER_STATUS, PurchaseLine, PurchaseOrder, Stock
from models.inventory.warehouses import check_open, check_room, get_warehouse, lock_warehouse

REASON = "purchase order"
"""The reason of stock movements for purchase orders; the audit compares them."""


def restock(
    session: Session, lines: Mapping[str, int], warehouse_id: str | None = None, owner: str | None = None,
    costs: Mapping[str, int] | None = None,
) -> PurchaseOrder:  # fmt: skip
    """Creates a purchase order for `lines` (product id → units) and starts its run.

    `costs`: product id → the supplier's price of a unit, in minor units; by default that of the last purchase order.
    Not idempotent. Raises NotFound, with `products`, if products are not on sale, and Conflict (`warehouse_closed`).
    """
    warehouse = get_warehouse(session, warehouse_id)
    check_open(warehouse)
    products = catalogue.products_by_id(session, lines)
    unknown = sorted(set(lines) - set(products))
    if unknown:
        raise NotFound("No such products.", products=unknown)
    order_id = new_id("po")
    run_id = durable.start(session, "restock", key=order_id, input={"purchase_order_id": order_id}, owner=owner)
    order = PurchaseOrder(id=order_id, warehouse_id=warehouse.id, run_id=run_id, status="ordered")
    session.add(order)
    session.flush()
    prices = {**_last_costs(session, products), **(costs or {})}
    rows = [
        {"purchase_order_id": order_id, "product_id": product.id, "sku": product.sku, "title": product.title,
         "quantity": lines[product.id], "unit_cost": prices.get(product.id)}
        for product in products.values()
    ]  # fmt: skip
    session.execute(insert(PurchaseLine), rows)
    return order


def _last_costs(session: Session, products: Iterable[str]) -> dict[str, int]:
    """Product id → the supplier's price in the last purchase order that has one."""
    line = PurchaseLine
    known = select(line.product_id, line.unit_cost).where(line.product_id.in_(products), line.unit_cost.is_not(None))
    newest = known.ext(distinct_on(line.product_id)).order_by(line.product_id, line.purchase_order_id.desc())
    return {product_id: cost for product_id, cost in session.execute(newest) if cost is not None}


def reorder(session: Session, product_id: str, warehouse_id: str) -> PurchaseOrder | None:
    """Orders the reorder quantity of a product that is low on stock, and what is backordered and not on order.

    Backorders count in the default warehouse. Returns None if there is no reorder quantity, if the level has recovered,
    if outstanding orders will lift it above the reorder point, or if the product is no longer sold or the warehouse is
    closed.
    """
    at = Stock.product_id == product_id, Stock.warehouse_id == warehouse_id
    level = session.scalars(select(Stock).where(*at).with_for_update()).one_or_none()
    if level is None or level.low_since is None or level.reorder_quantity is None or level.reorder_point is None:
        return None
    expected = session.scalars(select(on_order_of(Stock.product_id, Stock.warehouse_id)).where(*at)).one()
    warehouse, sold = get_warehouse(session, warehouse_id), catalogue.products_by_id(session, [product_id])
    backordered = get_terms(session, product_id).backordered if sold and warehouse.is_default else 0
    if level.available + expected - backordered > level.reorder_point or not sold or warehouse.status == "closed":
        return None
    return restock(session, {product_id: level.reorder_quantity + max(backordered - expected, 0)}, warehouse_id)


def on_order_of(product_id: InstrumentedAttribute[str], warehouse_id: InstrumentedAttribute[str]) -> ScalarSelect[int]:
    """The units of a product ordered for a warehouse and not yet received, as a subquery."""
    due = func.coalesce(func.sum(PurchaseLine.quantity - PurchaseLine.received), 0)
    query = select(due).join(PurchaseOrder, PurchaseOrder.id == PurchaseLine.purchase_order_id)
    query = query.where(PurchaseLine.product_id == product_id, PurchaseLine.received < PurchaseLine.quantity)
    return query.where(PurchaseOrder.warehouse_id == warehouse_id, PurchaseOrder.status.in_(OPEN)).scalar_subquery()


def get_purchase_order(session: Session, purchase_order_id: str) -> PurchaseOrder:
    """Returns a purchase order. Raises NotFound."""
    order = session.get(PurchaseOrder, purchase_order_id)
    if order is None:
        raise NotFound("No such purchase order.")
    return order


def get_purchase_lines(session: Session, purchase_order_ids: Sequence[str]) -> dict[str, list[PurchaseLine]]:
    """The lines of purchase orders, sorted by SKU."""
    found: dict[str, list[PurchaseLine]] = {order_id: [] for order_id in purchase_order_ids}
    query = select(PurchaseLine).where(PurchaseLine.purchase_order_id.in_(purchase_order_ids))
    for line in session.scalars(query.order_by(PurchaseLine.sku)):
        found[line.purchase_order_id].append(line)
    return found


def receive(session: Session, purchase_order_id: str, lines: Mapping[str, int], actor: str | None) -> PurchaseOrder:
    """Accepts a delivery (product id → units) completely or not at all; its run then receives it into stock.

    Not idempotent. Raises NotFound, and Conflict: `wrong_state` for a closed purchase order, `more_than_ordered` with
    `lines` [{product_id, outstanding}], `warehouse_closed`, and `capacity_exceeded` with `remaining`.
    """
    order = lock_open_order(session, purchase_order_id)
    ordered = {line.product_id: line for line in get_purchase_lines(session, [order.id])[order.id]}
    outstanding = {product_id: line.quantity - line.delivered for product_id, line in ordered.items()}
    beyond = [
        {"product_id": product_id, "outstanding": outstanding.get(product_id, 0)}
        for product_id, pieces in lines.items() if pieces > outstanding.get(product_id, 0)
    ]  # fmt: skip
    if beyond:
        raise Conflict("The delivery exceeds the outstanding quantities.", code="more_than_ordered", lines=beyond)
    check_room(session, lock_warehouse(session, order.warehouse_id), lines)
    for product_id, pieces in lines.items():
        ordered[product_id].delivered += pieces
    session.flush()
    durable.signal(session, order.run_id, "delivery", {"lines": dict(lines), "actor": actor})
    return order


def cancel_purchase_order(session: Session, purchase_order_id: str, actor: str | None) -> PurchaseOrder:
    """Cancels the outstanding quantities; delivered goods are kept. Raises NotFound, Conflict (`wrong_state`)."""
    order = _lock_to(session, purchase_order_id, "cancelled")
    lines = get_purchase_lines(session, [order.id])[order.id]
    if all(line.delivered == line.quantity for line in lines):
        detail = "Everything has been delivered; there is nothing to cancel."
        raise Conflict(detail, code="wrong_state", current=order.status, possible=["received"])
    _close(order, "cancelled")
    session.flush()
    durable.signal(session, order.run_id, "cancel", {"actor": actor})
    return order


def receive_deliveries(session: Session, purchase_order_id: str, actor: str | None = None) -> PurchaseOrder:
    """Receives accepted deliveries into stock. Idempotent."""
    order = _lock_order(session, purchase_order_id)
    lines = get_purchase_lines(session, [order.id])[order.id]
    delivered = {line.product_id: line.delivered - line.received for line in lines if line.delivered > line.received}
    costs = {line.product_id: line.unit_cost for line in lines}
    receive_stock(session, order.warehouse_id, delivered, REASON, reference=order.id, actor=actor, costs=costs)
    for line in lines:
        line.received = line.delivered
    if order.status in OPEN and delivered:
        if all(line.received == line.quantity for line in lines):
            _close(order, "received")
        elif order.status != "partly_received":
            PURCHASE_ORDER_STATUS.move(order, "partly_received")
        order.updated_at = func.now()
    session.flush()
    return order


def close_cancelled(session: Session, purchase_order_id: str) -> PurchaseOrder:
    """Closes a purchase order whose run was cancelled: deliveries are received, the rest is cancelled."""
    order = receive_deliveries(session, purchase_order_id)
    if order.status in OPEN:
        _close(order, "cancelled")
    return order


def _close(order: PurchaseOrder, status: str) -> None:
    PURCHASE_ORDER_STATUS.move(order, status)
    order.closed_at = order.updated_at = func.now()


def lock_open_order(session: Session, purchase_order_id: str) -> PurchaseOrder:
    """Locks the run and the purchase order, which has outstanding units. Raises NotFound, Conflict (`wrong_state`)."""
    return _lock_to(session, purchase_order_id, "received")


def _lock_to(session: Session, purchase_order_id: str, status: str) -> PurchaseOrder:
    """Locks the run, then the purchase order, if the order may get that status. Raises NotFound and
    Conflict (`wrong_state`)."""
    transitions.lock(session, get_purchase_order(session, purchase_order_id).run_id)
    order = _lock_order(session, purchase_order_id)
    PURCHASE_ORDER_STATUS.check(order.status, status)
    return order


def _lock_order(session: Session, purchase_order_id: str) -> PurchaseOrder:
    query = select(PurchaseOrder).where(PurchaseOrder.id == purchase_order_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def select_purchase_orders(status: str | None = None, warehouse_id: str | None = None) -> Select[PurchaseOrder]:
    """The query for purchase orders. The caller orders it."""
    query = select(PurchaseOrder)
    if status:
        query = query.where(PurchaseOrder.status == status)
    if warehouse_id:
        query = query.where(PurchaseOrder.warehouse_id == warehouse_id)
    return query
