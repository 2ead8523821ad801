"""What the shop's records say of what the model knows."""

from collections.abc import Iterable

from sqlalchemy import select, text

from local.waiting import wait_until
from models import fulfilment, inventory, orders, payments, returns
from models.core.database import transaction
from tests.workflows.books import Level, Order, PurchaseOrder, Shown

_UNSETTLED = text("""
    SELECT workflow, key, status, attempts, error, signals, published_at, lease_until, now() FROM workflow.run
    WHERE finished_at IS NULL
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


def settle() -> None:
    """Waits until every run has ended, or waits for days."""
    assert wait_until(lambda: not _list_unsettled(), 30, 0.01), _list_unsettled()


def _list_unsettled() -> list[object]:
    with transaction() as session:
        return [dict(run) for run in session.execute(_UNSETTLED).mappings()]


def age(order: Order) -> None:
    """Moves what has happened to the order's parcels and returns a month into the past; the dispatcher notices."""
    with transaction() as session:
        session.execute(_AGE, {"order": order.id})


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


def read_stock(product_ids: Iterable[str]) -> dict[str, Level]:
    query = select(inventory.Stock).where(inventory.Stock.product_id.in_(list(product_ids)))
    with transaction() as session:
        return {level.product_id: Level(level.on_hand, level.reserved) for level in session.scalars(query)}
