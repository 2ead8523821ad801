"""Products, warehouses and reservations, each created in its own transaction."""

from sqlalchemy import select

from durable.ids import new_id
from models import catalogue, inventory
from models.core.database import transaction
from models.operations import audit
from models.operations.stock import STOCK


def product(sku: str, quantity: int = 0, kind: str = "book") -> str:
    fields = {"sku": sku, "kind": kind, "title": sku, "price_amount": 1, "currency": "EUR", "category": "All"}
    with transaction() as session:
        product_id = catalogue.create_product(session, fields).id
        if quantity:
            inventory.adjust(session, product_id, quantity, "delivery")
    return product_id


def warehouse(name: str, **capacity: int | None) -> str:
    with transaction() as session:
        return inventory.create_warehouse(session, name, {"city": "Utrecht"}, capacity).id


def move(product_id: str, quantity: int, warehouse_id: str | None = None) -> inventory.Stock:
    with transaction() as session:
        return inventory.adjust(session, product_id, quantity, "count", warehouse_id)[1]


def reserve(lines: dict[str, int]) -> str:
    order_id = new_id("ord")
    with transaction() as session:
        inventory.reserve(session, order_id, lines)
    return order_id


def reservations(order_id: str) -> dict[tuple[str, str], tuple[int, str]]:
    table = inventory.Reservation
    with transaction() as session:
        found = session.scalars(select(table).where(table.order_id == order_id))
        return {(row.product_id, row.warehouse_id): (row.quantity, row.status) for row in found}


def available(product_id: str) -> int:
    with transaction() as session:
        return inventory.get_available(session, [product_id])[product_id]


def broken() -> list[str]:
    """The violations found by the audit of the inventory. Each names what is wrong."""
    with transaction() as session:
        found = [finding for finding in audit.check(session, STOCK) if not finding.ok]
    assert all(finding.examples and None not in finding.examples for finding in found), found
    return [finding.name for finding in found]
