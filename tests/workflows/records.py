"""What the shop's records say of what the model knows."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import select, text

from local.waiting import wait_until
from models import fulfilment, inventory, orders, payments, returns
from models.core.database import transaction
from tests.workflows.books import Order, Shown
from tests.workflows.stock_books import Level, PurchaseOrder, Transfer

_UNSETTLED = text("""
    SELECT workflow, key, status, attempts, error, signals, published_at, lease_until, now() FROM workflow.run
    WHERE finished_at IS NULL
    AND NOT (status = 'waiting' AND signals = '{}' AND workflow IN ('checkout', 'action_needed'))
    AND (published_at IS NOT NULL OR signals <> '{}' OR lease_until < now() + interval '10 minutes')
""")
_AGE = text("""
    WITH parcel AS (
        UPDATE fulfilment.parcel SET shipped_at = shipped_at - interval '31 days',
            delivered_at = delivered_at - interval '31 days'
        WHERE order_id = CAST(substr(:order, 5) AS uuid)
    ), return AS (
        UPDATE returns.return SET decided_at = decided_at - interval '31 days'
        WHERE order_id = CAST(substr(:order, 5) AS uuid)
    )
    UPDATE workflow.run SET lease_until = now()
    WHERE finished_at IS NULL AND workflow IN ('delivery', 'return') AND input ->> 'order_id' = :order
""")

_ASK = text("""
    UPDATE workflow.run SET lease_until = now()
    WHERE status = 'waiting' AND workflow = 'checkout' AND input ->> 'order_id' = :order
""")


def settle() -> None:
    """Waits until every run has ended, or waits for days, or for a customer."""
    assert wait_until(lambda: not _list_unsettled(), 30, 0.01), _list_unsettled()


def _list_unsettled() -> list[object]:
    with transaction() as session:
        return [dict(run) for run in session.execute(_UNSETTLED).mappings()]


def age(order: Order) -> None:
    """Moves what has happened to the order's parcels and returns a month into the past; the dispatcher notices."""
    with transaction() as session:
        session.execute(_AGE, {"order": order.id})


def ask_provider(order: Order) -> None:
    """Lets the order's checkout, which waits for its customer, ask the provider now."""
    with transaction() as session:
        session.execute(_ASK, {"order": order.id})


def read_order(order: Order) -> Shown:
    """The order as the records show it."""
    with transaction() as session:
        found, payment = session.get_one(orders.Order, order.id), session.get_one(payments.Payment, order.payment_id)
        parcels = [parcel.status for parcel in fulfilment.list_parcels(session, order.id)]
        back = select(returns.Return).where(returns.Return.order_id == order.id).order_by(returns.Return.id)
        return (
            (found.status, payment.status, payment.captured, payment.refunded),
            [status for status in parcels if status != "cancelled"],
            [(made.status, made.refund) for made in session.scalars(back)],
        )


def list_parcels(order: Order) -> list[str]:
    """The ids of the order's parcels that were not cancelled, oldest first."""
    with transaction() as session:
        return [each.id for each in fulfilment.list_parcels(session, order.id) if each.status != "cancelled"]


def read_purchase_order(purchase: PurchaseOrder) -> str:
    with transaction() as session:
        return session.get_one(inventory.PurchaseOrder, purchase.id).status


def read_transfer(sent: Transfer) -> str:
    with transaction() as session:
        return session.get_one(inventory.Transfer, sent.id).status


def main_warehouse() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def read_stock(product_ids: Iterable[str]) -> dict[str, Level]:
    """The levels in the main warehouse."""
    table = inventory.Stock
    query = select(table).where(table.product_id.in_(list(product_ids)), table.warehouse_id == main_warehouse())
    with transaction() as session:
        return {level.product_id: Level(level.on_hand, level.reserved) for level in session.scalars(query)}


def read_elsewhere(warehouse_id: str) -> Counter[str]:
    """Product → units on hand in a warehouse from which nothing is sold."""
    query = select(inventory.Stock).where(inventory.Stock.warehouse_id == warehouse_id)
    with transaction() as session:
        found = list(session.scalars(query))
    assert sum(level.reserved for level in found) == 0
    return Counter({level.product_id: level.on_hand for level in found if level.on_hand})


def read_backordered(product_id: str) -> int:
    with transaction() as session:
        return inventory.get_terms(session, product_id).backordered
