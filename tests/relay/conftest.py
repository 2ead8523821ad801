"""Every test has the database of a new shop."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # it reads the settings, which name the tests' servers only after their start
    from tests.relay.receiving import Receiver


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


@pytest.fixture
def exits() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def receiver(exits: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Receiver":
    from tests.relay.receiving import Receiver

    return Receiver(exits, tmp_path, monkeypatch)
