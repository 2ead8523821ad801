"""Whether PostgreSQL and the disk can be written to."""

import shutil
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from models.core.database import engine, single_statements
from monitoring import health, storage
from settings import settings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _database(database: None) -> Iterator[None]:
    """Requests the fixture. The tests change their connection's settings, so that it is replaced."""
    yield
    engine().dispose()


def test_storage_that_can_be_written_has_no_fault() -> None:
    assert storage.fault() is None


def test_a_database_that_takes_no_writes_is_not_ready(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_cached", (-health.CACHE_SECONDS, {}))
    with single_statements() as connection:
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"]["storage"].startswith("read_only: PostgreSQL accepts no writes")


def test_a_database_whose_disk_is_full_is_not_ready() -> None:
    with single_statements() as connection:
        connection.execute(text("SET temp_file_limit = 0"))  # what the check writes is refused
    assert str(storage.fault()).startswith("not_writable: temporary file size exceeds")


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 100, 5 * 2**20))
    monkeypatch.setattr(storage, "settings", settings.model_copy(update={"database_url": ""}))
    assert storage.fault() == "no_space: the disk of the data folder has 5 MiB left"
