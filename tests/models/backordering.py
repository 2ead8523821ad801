"""Orders beyond stock."""

from datetime import date

from sqlalchemy import select

from durable.tables import RunRecord
from models import inventory
from models.core.database import transaction
from tests.models.shelves import reserve

SOON = date(2100, 1, 1)


def allow(product_id: str, limit: int) -> None:
    with transaction() as session:
        inventory.set_terms(session, product_id, limit, SOON if limit else None)


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def confirmed(lines: dict[str, int]) -> str:
    order_id = reserve(lines)
    allocate(order_id)
    return order_id


def allocate(order_id: str) -> None:
    with transaction() as session:
        inventory.allocate(session, order_id)


def release(order_id: str) -> int:
    with transaction() as session:
        return inventory.release(session, order_id)


def backordered(product_id: str) -> int:
    with transaction() as session:
        return inventory.get_terms(session, product_id).backordered


def waiting(order_id: str) -> dict[str, tuple[int, int, str]]:
    """Product → units backordered, of those filled, and the status."""
    with transaction() as session:
        found = session.scalars(select(inventory.Backorder).where(inventory.Backorder.order_id == order_id))
        return {row.product_id: (row.quantity, row.filled, row.status) for row in found}


def notified() -> list[tuple[str, dict[str, int]]]:
    """The orders whose customers are notified that goods have come, and the goods, oldest first."""
    with transaction() as session:
        runs = session.scalars(select(RunRecord).filter_by(workflow="backorder_filled").order_by(RunRecord.id))
        return [(run.input["order_id"], run.input["quantities"]) for run in runs]
