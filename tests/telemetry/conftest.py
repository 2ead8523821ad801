"""A shop that tells everything: log lines as JSON. Its API is a process, too."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.serving import serving
from tests.shop import Shop
from tests.shopping import order, product

__all__ = ["order", "product"]

TELLING: dict[str, Any] = {"SHOP_LOG_FORMAT": "json"}


@dataclass(frozen=True)
class Telling:
    """`api`: the URL of the API. `logs`: the folder of the log files."""

    shop: Shop
    api: str
    logs: Path


@pytest.fixture(scope="module")
def telling(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telling]:
    """API, gateway, mailbox, one worker for all queues and one dispatcher."""
    var: Path = tmp_path_factory.mktemp("telling")
    with ExitStack() as exits:
        shop = Shop(var, exits, **TELLING)
        shop.worker(concurrency=2)
        shop.dispatcher()
        api = exits.enter_context(serving(var, **shop.environment))
        yield Telling(shop, api, var)
