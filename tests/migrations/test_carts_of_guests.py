"""The migration for guests' carts, on a database with carts, and back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from settings import settings
from tests.servers import ROOT

USER, CART, PRODUCT = (UUID(int=number) for number in (1, 2, 3))


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database beside that of the other tests."""
    server = settings.database.replace("+psycopg", "")
    name = "migrated"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield server.replace("/shopflow", f"/{name}", 1)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def alembic(url: str, *command: str) -> None:
    environment = {**os.environ, "SHOP_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "alembic", *command], cwd=ROOT, env=environment, check=True)


def test_carts_that_there_are_stay_as_they_are(url: str) -> None:
    alembic(url, "upgrade", "5eed00000001")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO carts.cart (id, user_id) VALUES (%s, %s)", (CART, USER))
        connection.execute("INSERT INTO carts.item (cart_id, product_id, quantity) VALUES (%s, %s, 2)", (CART, PRODUCT))
    alembic(url, "upgrade", "ca4700000001")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO carts.cart (id, token_hash) VALUES (gen_random_uuid(), 'a guest''s')")
        found = connection.execute("SELECT user_id, token_hash, reminded_of FROM carts.cart WHERE id = %s", (CART,))
        assert found.fetchall() == [(USER, None, None)]
        items = connection.execute("SELECT product_id, quantity, seen_price, seen_available FROM carts.item")
        assert items.fetchall() == [(PRODUCT, 2, None, None)]
    alembic(url, "downgrade", "5eed00000001")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT id, user_id FROM carts.cart").fetchall() == [(CART, USER)]
