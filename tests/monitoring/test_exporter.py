"""The exporter without its database or broker: it answers in time, with what it can know."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from prometheus_client.core import GaugeMetricFamily

from monitoring import gauges
from monitoring.gauges import INTERVAL, Source
from tests.ports import reserved_port
from tests.processes import Process
from tests.shop import Shop
from tests.telemetry.conftest import Samples

SCRAPE_TIMEOUT = 10
"""Prometheus' default, in seconds."""


@contextmanager
def silent() -> Iterator[int]:
    """A port that accepts connections and never answers, like a server that is suspended."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


SOURCES = {
    "database": ("SHOP_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:{}/shop"),
    "broker": ("SHOP_BROKER_URL", "redis://127.0.0.1:{}/0"),
}


def scrape(process: Process) -> Samples:
    process.wait_for("metrics on http")
    [url] = re.findall(r"metrics on (http://\S+)", process.log.read_text())
    answer = requests.get(url, timeout=SCRAPE_TIMEOUT)
    assert answer.status_code == 200
    return Samples(answer.text)


@pytest.mark.parametrize("broken", SOURCES)
@pytest.mark.parametrize("server", [reserved_port, silent])
def test_the_exporter_answers_without(database: None, tmp_path: Path, broken: str, server: Any) -> None:
    variable, url = SOURCES[broken]
    with ExitStack() as exits:
        port = exits.enter_context(server())
        shop = Shop(tmp_path, exits, SHOP_METRICS_PORT="0", SHOP_METRICS_DIR=str(tmp_path / "counts"))
        shop.dispatcher()
        exporter = shop.start("metrics", {**shop.environment, variable: url.format(port)}, "shop", "metrics")
        for _ in range(2):
            now = scrape(exporter)
            [other] = SOURCES.keys() - {broken}
            assert now.value("shop_source_up", source=broken) == 0
            assert now.value("shop_source_up", source=other) == 1
            assert now.value("shop_processes", program="dispatcher") == 1
            assert ("shop_queue_length" in now.names) == (broken == "database")
            assert ("shop_server_connections" in now.names) == (broken == "broker")
        assert exporter.stop() == 0


def gauge() -> GaugeMetricFamily:
    return GaugeMetricFamily("shop_something", "Something", 1)


def test_a_source_that_is_back_is_read_again() -> None:
    now = [0.0]
    answers: Iterator[OSError | list[GaugeMetricFamily]] = iter([OSError("away"), [gauge()], OSError("away again")])

    def read() -> list[GaugeMetricFamily]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    source, seen = Source("broker", read, (OSError,), lambda: now[0]), []
    for _ in range(3):
        for _ in range(2):  # the second time, what is known is fresh
            source.ask()
            up, found = source.wait(10)
            seen.append((up, len(found)))
        now[0] += INTERVAL
    assert seen == [(False, 0)] * 2 + [(True, 1)] * 2 + [(False, 0)] * 2


def test_a_source_that_does_not_answer_is_asked_once() -> None:
    asked, answer = [], Event()

    def read() -> list[GaugeMetricFamily]:
        asked.append(1)
        assert answer.wait(30)
        return [gauge()]

    source = Source("database", read, (), lambda: 100.0 * len(asked))
    for _ in range(3):
        source.ask()
        assert source.wait(0) == (False, [])
    answer.set()
    up, found = source.wait(10)
    assert (up, len(found), len(asked)) == (True, 1, 1)


def test_the_exporter_waits_less_than_prometheus() -> None:
    assert gauges.PATIENCE < SCRAPE_TIMEOUT / 2 + 1
