"""Migrations forwards, on a database in which there is something already."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from stack import postgres
from tests.servers import ROOT

BEFORE = """
INSERT INTO catalogue.category (id, name) VALUES (gen_random_uuid(), 'Clàssics');
INSERT INTO catalogue.author (id, name) VALUES (gen_random_uuid(), 'Emily Brontë');
INSERT INTO catalogue.product (id, sku, kind, title, description, price_amount, currency, category_id, author_id)
    SELECT gen_random_uuid(), 'W-1', 'book', 'Wuthering Heights', 'A foundling.', 899, 'EUR', category.id, author.id
    FROM catalogue.category, catalogue.author;
INSERT INTO inventory.stock (product_id, warehouse_id, on_hand, reserved)
    SELECT product.id, warehouse.id, 2, 1 FROM catalogue.product, inventory.warehouse;
"""


@pytest.fixture
def url() -> object:
    """A database of its own."""
    with postgres.running() as found:
        yield found


def migrate(url: str, revision: str, var: Path) -> None:
    alembic = Path(sys.executable).parent / "alembic"
    environment = {**os.environ, "SHOP_VAR": str(var), "SHOP_DATABASE_URL": url}
    way = "downgrade" if revision.startswith("-") else "upgrade"
    command = [alembic, way, revision.removeprefix("-")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_sold_already_can_be_found_by_its_words(url: str, tmp_path: Path) -> None:
    migrate(url, "5eed00000001", tmp_path)
    with psycopg.connect(url) as connection:
        connection.execute(BEFORE)
    migrate(url, "ca7a10600001", tmp_path)
    found = "SELECT sku FROM catalogue.product WHERE search @@ catalogue.wanted(%s)"
    with psycopg.connect(url) as connection:
        for words in ("bronte", "wuther", "classics", "foundling heights"):
            assert connection.execute(found, [words]).fetchall() == [("W-1",)], words
        assert connection.execute(found, ["emma"]).fetchall() == []
        assert connection.execute("SELECT sellable FROM inventory.stock").fetchall() == [(True,)]
    migrate(url, "-5eed00000001", tmp_path)
    migrate(url, "head", tmp_path)
    with psycopg.connect(url) as connection:
        assert connection.execute(found, ["bronte"]).fetchall() == [("W-1",)]
