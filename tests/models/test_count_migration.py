"""The migration that adds stock counts, of a database with data."""

from uuid import UUID

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from tests.models.test_migrations import PRODUCT_OF_BEFORE, alembic, database

__all__ = ["database"]

COUNTED = """
INSERT INTO inventory.stock_count (id, warehouse_id, scope, run_id, status)
    SELECT :id, id, 'warehouse', gen_random_uuid(), 'approved' FROM inventory.warehouse;
INSERT INTO inventory.stock_count_line
    (stock_count_id, product_id, sku, title, unit_value, expected, counted, counted_at, booked, short)
    SELECT :id, id, sku, title, price_amount, 2, 0, now(), -1, 1 FROM catalogue.product
"""


def test_existing_stock_is_counted_and_warehouse_staff_approve(database: str) -> None:
    alembic(database, "upgrade", "5eed00000001")
    engine, count = create_engine(database), {"id": UUID(int=1)}
    with engine.begin() as connection:
        connection.execute(text(PRODUCT_OF_BEFORE))
    alembic(database, "upgrade", "head")
    who = text("SELECT role FROM access.role_permission WHERE permission = 'stock:approve' ORDER BY role")
    with engine.begin() as connection:
        for statement in COUNTED.split(";"):
            connection.execute(text(statement), count)
        assert connection.scalars(who).all() == ["admin", "warehouse"]
        assert connection.scalars(text("SELECT difference FROM inventory.stock_count_line")).all() == [-2]
    with pytest.raises(IntegrityError, match="ck_stock_count_line_booked"), engine.begin() as connection:
        connection.execute(text("UPDATE inventory.stock_count_line SET booked = -2"))
    alembic(database, "downgrade", "1a95ed000001")
    with engine.connect() as connection:
        assert connection.scalars(who).all() == []
        assert connection.scalars(text("SELECT on_hand FROM inventory.stock")).all() == [2]
    alembic(database, "upgrade", "head")
    engine.dispose()
