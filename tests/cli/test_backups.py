"""`shop backup` and `shop restore`, on a database of their own."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from models.core import schema
from settings import settings
from tests.command import shop
from tests.servers import Server
from tests.shopping import make_customer, make_product

URL = settings.database.replace("+psycopg", "", 1)


@pytest.fixture
def target(database: None) -> Iterator[str]:
    """The URL of an empty database."""
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored")
    yield URL.replace("/shopflow", "/restored", 1)
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute("DROP DATABASE restored WITH (FORCE)")


@pytest.fixture
def dump(database: None, tmp_path: Path) -> Path:
    """The backup of a shop with a customer and a product."""
    make_customer("ada")
    make_product("TEA", 5)
    file = tmp_path / "shop.dump"
    made = shop(tmp_path / "var", "backup", str(file), SHOP_DATABASE_URL=URL)
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(rf"{file}: \d+ KiB in \d+\.\d s\n", made.stdout)
    assert file.stat().st_mode & 0o777 == 0o600
    return file


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """The port of a gateway that has no payments."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    server = Server("sandbox.gateway", folder, "--webhook-url", "http://127.0.0.1:9/")  # the discard port
    yield str(server.ports["http"])
    server.stop()


def test_a_restored_shop_is_complete_and_passes_the_audit(
    dump: Path, target: str, gateway: str, tmp_path: Path
) -> None:
    var = tmp_path / "var"
    found = shop(var, "restore", str(dump), SHOP_DATABASE_URL=target)
    assert found.returncode == 0, found.stderr
    with psycopg.connect(target) as connection:
        assert connection.execute('SELECT username FROM accounts."user"').fetchall() == [("ada",)]
        assert connection.execute("SELECT on_hand FROM inventory.stock").fetchall() == [(5,)]
    audited = shop(var, "audit", SHOP_DATABASE_URL=target, SHOP_GATEWAY_PORT=gateway, SHOP_PAYPAL_PORT="9")
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_a_restore_asks_before_it_replaces_a_shop(dump: Path, target: str, tmp_path: Path) -> None:
    var = tmp_path / "var"
    assert shop(var, "restore", str(dump), SHOP_DATABASE_URL=target).returncode == 0
    with psycopg.connect(target) as connection:
        connection.execute("""UPDATE accounts."user" SET username = 'eve'""")
    asked = shop(var, "restore", str(dump), SHOP_DATABASE_URL=target)
    assert asked.returncode == 1
    assert "The database holds 1 users and 0 orders, which will be lost." in asked.stdout
    done = shop(var, "restore", str(dump), "--yes", SHOP_DATABASE_URL=target)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(target) as connection:
        assert connection.execute('SELECT username FROM accounts."user"').fetchall() == [("ada",)]


def test_what_is_no_backup_of_this_release_is_refused_and_changes_nothing(target: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no backup")
    refused = shop(tmp_path / "var", "restore", str(file), SHOP_DATABASE_URL=target)
    assert (refused.returncode, "input file does not appear to be a valid archive" in refused.stderr) == (1, True)
    existing = shop(tmp_path / "var", "backup", str(file), SHOP_DATABASE_URL=URL)
    assert (existing.returncode, file.read_text()) == (1, "no backup")
    with psycopg.connect(target) as connection:
        connection.execute("CREATE SCHEMA workflow CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO workflow.alembic_version VALUES ('ffffffffffff')")
    newer = tmp_path / "newer.dump"
    assert shop(tmp_path / "var", "backup", str(newer), SHOP_DATABASE_URL=target).returncode == 0
    refused = shop(tmp_path / "var", "restore", str(newer), SHOP_DATABASE_URL=target)
    assert refused.returncode == 1
    said = "made by a newer release (revision ffffffffffff); this release knows the schema up to"
    assert f"{said} {schema.newest_revision()}." in refused.stderr


def test_pictures_in_a_folder_are_backed_up_and_restored(database: None, target: str, tmp_path: Path) -> None:
    var, file = tmp_path / "var", tmp_path / "shop.dump"
    kept, added = (var / "pictures" / f"pic_{digit * 32}" / "320.jpg" for digit in "12")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a picture")
    (kept.parent / ".640.jpg.0123").write_bytes(b"half a pict")
    assert shop(var, "backup", str(file), SHOP_DATABASE_URL=URL).returncode == 0
    beside = tmp_path / "shop.dump.pictures.tar"
    assert beside.stat().st_mode & 0o777 == 0o600
    kept.unlink()
    added.parent.mkdir()
    added.write_bytes(b"another")
    restored = shop(var, "restore", str(file), SHOP_DATABASE_URL=target)
    assert restored.returncode == 0, restored.stderr
    assert kept.read_bytes() == b"a picture"
    assert not added.parent.exists()
