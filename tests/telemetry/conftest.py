"""A shop that tells everything: log lines as JSON, and metrics. Its API is a process, too."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.serving import serving
from tests.shop import Shop
from tests.shopping import order, product

__all__ = ["order", "product"]

TELLING: dict[str, Any] = {"SHOP_LOG_FORMAT": "json", "SHOP_METRICS_PORT": "0"}


@dataclass(frozen=True)
class Telling:
    """`api`: the URL of the API. `logs`: the folder of the log files. `counts`: where the processes count."""

    shop: Shop
    api: str
    logs: Path

    @property
    def counts(self) -> Path:
        return self.logs / "counts"

    def metrics(self) -> "Samples":
        """What the exporter shows now."""
        answer = requests.get(self.exporter, timeout=30)
        assert answer.status_code == 200
        return Samples(answer.text)

    @property
    def exporter(self) -> str:
        return str(re.findall(r"metrics on (http://\S+)\"", (self.logs / "metrics.log").read_text())[-1])


class Samples:
    """The samples of an exposition. `names`: those of the metrics as rules use them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.all = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        self.names = {sample.name for sample in self.all}

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with this name and these labels."""
        return sum(s.value for s in self.all if s.name == name and labels.items() <= s.labels.items())


@pytest.fixture(scope="module")
def telling(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telling]:
    """API, gateway, mailbox, one worker for all queues and one dispatcher."""
    var: Path = tmp_path_factory.mktemp("telling")
    with ExitStack() as exits:
        shop = Shop(var, exits, **TELLING, SHOP_METRICS_DIR=str(var / "counts"))
        shop.worker(concurrency=2)
        shop.dispatcher()
        shop.start("metrics", shop.environment, "shop", "metrics").wait_for("metrics on")
        api = exits.enter_context(serving(var, **shop.environment))
        yield Telling(shop, api, var)
