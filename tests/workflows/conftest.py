"""A shop of real processes, started once per module; each test has a new database."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.shop import Shop
from tests.shopping import order, product

__all__ = ["order", "product"]


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Gateway, mailbox, one worker for all queues and one dispatcher."""
    var: Path = tmp_path_factory.mktemp("shop")
    with ExitStack() as exits:
        shop = Shop(var, exits)
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop
