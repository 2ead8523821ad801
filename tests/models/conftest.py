"""Every test has the database of a new shop."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # it reads the settings, which name the tests' servers only after their start
    from tests.models.sales import Sale


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


@pytest.fixture
def book() -> str:
    """A product with 100 items in stock."""
    from tests.models.shelves import product

    return product("BOOK", 100)


@pytest.fixture
def sold(book: str) -> "Sale":
    """A confirmed order whose run has ended."""
    from tests.models.sales import Sale

    sale = Sale(book)
    for action in sale.forwards():
        action()
    return sale


@pytest.fixture
def refused(book: str) -> "Sale":
    """An order cancelled after its authorisation."""
    from tests.models.sales import Sale

    sale = Sale(book)
    for action in [*sale.forwards()[:3], *sale.backwards()]:
        action()
    return sale
