"""The exporter: one process per machine that shows the metrics of all processes of this machine to Prometheus."""

import logging
import signal
import threading
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from monitoring.gauges import Gauges
from settings import settings
from telemetry import slots

log = logging.getLogger(__name__)


class Counted(Collector):
    """What the processes of this machine have counted, and how many of them there are."""

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        folder = settings.metrics_folder
        free = set(slots.free(folder))
        running: dict[str, int] = {}
        for file in folder.glob("*.lock"):
            program = file.stem.rpartition(".")[0]
            running[program] = running.get(program, 0) + (file.stem not in free)
        processes = GaugeMetricFamily("shop_processes", "Processes that count", labels=["program"])
        for program, number in running.items():
            processes.add_metric([program], number)
        yield processes
        yield from MultiProcessCollector(None, str(folder)).collect()  # type: ignore[no-untyped-call]


def registry() -> CollectorRegistry:
    """Everything that the exporter shows."""
    settings.metrics_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = CollectorRegistry()
    made.register(Counted())
    made.register(Gauges())
    return made


def run_forever() -> None:
    """Serves `/metrics` until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry())
    log.info("metrics on http://%s:%d/metrics", settings.metrics_host, server.server_port)
    stop.wait()
    server.shutdown()
    thread.join()
