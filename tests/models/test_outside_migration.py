"""The migration that adds outside reservations, of a database with data."""

from uuid import UUID

import pytest
from sqlalchemy import create_engine, text

from tests.models.test_migrations import PRODUCT_OF_BEFORE, alembic, database, run_alembic

__all__ = ["database"]

HELD = """
INSERT INTO inventory.outside_reservation (id, reference, units, run_id, expires_at)
    VALUES (:id, 'market-1', 1, gen_random_uuid(), now());
INSERT INTO inventory.reservation (order_id, product_id, warehouse_id, quantity)
    SELECT :id, product_id, warehouse_id, 1 FROM inventory.stock
"""


def test_existing_stock_is_held_and_an_older_release_sees_none_of_it(database: str) -> None:
    alembic(database, "upgrade", "5eed00000001")
    engine, held = create_engine(database), {"id": UUID(int=1)}
    with engine.begin() as connection:
        connection.execute(text(PRODUCT_OF_BEFORE))
        connection.execute(text("DELETE FROM access.role WHERE name = 'warehouse'"))  # a shop may have deleted the role
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        for statement in HELD.split(";"):
            connection.execute(text(statement), held)
        who = text("SELECT role FROM access.role_permission WHERE permission = 'reservations:write'")
        assert connection.scalars(who).all() == ["admin"]
    with pytest.raises(AssertionError, match="release these reservations first"):
        run_alembic(database, "downgrade", "14v000000003")
    with engine.begin() as connection:
        for table in ("outside_reservation", "reservation"):
            connection.execute(text(f"UPDATE inventory.{table} SET status = 'released'"))  # noqa: S608
    alembic(database, "downgrade", "14v000000003")
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT order_id FROM inventory.reservation")).all() == []
        assert connection.scalars(who).all() == []
        assert connection.scalars(text("SELECT on_hand FROM inventory.stock")).all() == [2]
    alembic(database, "upgrade", "head")
    engine.dispose()
