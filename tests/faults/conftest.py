"""A shop whose processes are killed, and the table of stall times."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_new
from tests.shop import Shop


@pytest.fixture(scope="session")
def new_shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], AbstractContextManager[Shop]]:
    """Opens a new shop within a block: gateway, carrier, mailbox and database."""
    from workflows.app import app

    @contextmanager
    def opened() -> Iterator[Shop]:
        with ExitStack() as exits:
            shop = Shop(tmp_path_factory.mktemp("shop"), exits)
            shop.open_carrier()
            yield shop
            shop.kill()
        make_new(seeds)
        app.control.purge()

    return opened


@pytest.fixture(scope="module")
def shop(new_shop: Callable[[], AbstractContextManager[Shop]]) -> Iterator[Shop]:
    """A shop shared by the tests of a module."""
    with new_shop() as shop:
        yield shop


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A full stack with a supervisor and its own servers."""
    from tests.command import shop
    from tests.faults.full_stack import Stack

    var: Path = tmp_path_factory.mktemp("stack") / "var"
    try:
        yield Stack(var)
    finally:
        shop(var, "down")
