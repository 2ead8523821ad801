"""Every test here has a new shop's database."""

import pytest


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Asks for it."""
