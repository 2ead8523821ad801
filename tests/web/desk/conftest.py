"""Staff at the desk, and an order."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.web.desk.selling import Bought, Desk


@pytest.fixture
def staff_of(signed_in: Callable[..., Any]) -> "Callable[..., Desk]":
    """Somebody with these roles: `staff_of("warehouse")`."""
    from tests.web.desk.selling import Desk

    def open_desk(*roles: str) -> Desk:
        browser = signed_in(f"{'-'.join(roles)}-person", *roles)
        browser.__class__ = Desk
        assert isinstance(browser, Desk)
        return browser

    return open_desk


@pytest.fixture
def desk(staff_of: "Callable[..., Desk]") -> "Desk":
    """Somebody with the roles staff, warehouse and finance."""
    return staff_of("staff", "warehouse", "finance")


@pytest.fixture
def sale(database: None) -> "Bought":
    """A confirmed order of two units."""
    from tests.shopping import make_product
    from tests.web.desk.selling import Bought

    return Bought(make_product("EMMA", 6)).confirmed()
