"""Every test has the database of a new shop."""

import pytest


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""
