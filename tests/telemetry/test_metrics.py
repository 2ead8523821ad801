"""Metrics of real processes, as the exporter shows them."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from local.waiting import wait_until
from telemetry import metrics, slots
from tests.processes import ROOT, Process
from tests.telemetry.checking_out import check_out
from tests.telemetry.conftest import Telling

METRIC = re.compile(r"\bshop_[a-z_]+\b")
ENDS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
"""What is appended to the names of samples, by the type of the metric."""


def test_a_checkout_is_counted_by_the_api_and_the_workers(telling: Telling, customer: Any) -> None:
    before = telling.metrics()
    task = check_out(telling.api, customer)
    assert task["status"] == "succeeded", task
    wanted: list[tuple[str, dict[str, str], float]] = [
        ("shop_http_requests_total", {"method": "POST", "route": "/v1/checkout", "status": "202"}, 1),
        ("shop_http_request_seconds_count", {"method": "POST", "route": "/v1/checkout"}, 1),
        ("shop_runs_ended_total", {"workflow": "checkout", "status": "succeeded"}, 1),
        ("shop_run_seconds_bucket", {"workflow": "checkout", "le": "60.0"}, 1),
        ("shop_steps_total", {"step": "inventory.reserve", "outcome": "done"}, 1),
        ("shop_step_seconds_count", {"step": "payments.authorise"}, 1),
        ("shop_calls_total", {"service": "payments", "outcome": "answered"}, 1),
        ("shop_calls_total", {"service": "notifications", "outcome": "answered"}, 1),
    ]

    def counted() -> bool:
        now = telling.metrics()
        return all(now.value(name, **labels) - before.value(name, **labels) >= n for name, labels, n in wanted)

    assert wait_until(counted, 20), telling.metrics().text


def test_the_gauges_come_from_the_database_and_the_broker(telling: Telling) -> None:
    now = telling.metrics()
    assert now.value("shop_source_up", source="database") == now.value("shop_source_up", source="broker") == 1
    assert now.value("shop_seconds_since_sweep") < 30
    assert now.value("shop_server_connections", what="most") > now.value("shop_server_connections", what="used") > 0
    assert {s.labels["queue"] for s in now.all if s.name == "shop_queue_length"} >= {"orders", "payments"}
    assert now.value("shop_processes", program="api") == 1
    assert now.value("shop_processes", program="worker") == 2
    assert now.value("shop_database_pool_size", program="worker") > 0


def test_no_label_has_an_id_or_an_address(telling: Telling, customer: Any) -> None:
    requests.get(f"{telling.api}/v1/orders/ord_{'0' * 32}", headers=customer.headers, timeout=30)
    requests.request("ADA", f"{telling.api}/ada@example.org", timeout=30)
    text = telling.metrics().text
    assert 'method="-",route="-"' in text
    assert customer.user_id not in text
    assert "ada@example" not in text
    assert not re.search(r"[0-9a-f]{32}", text)


def test_counters_survive_a_killed_process(telling: Telling, sign_in: Any) -> None:
    assert check_out(telling.api, sign_in("first"))["status"] == "succeeded"
    name, labels = "shop_runs_ended_total", {"workflow": "checkout", "status": "succeeded"}
    assert wait_until(lambda: telling.metrics().value(name, **labels) >= 1, 20)
    before = telling.metrics()
    for pid in children(telling.shop.processes[0]):
        os.kill(pid, signal.SIGKILL)
    assert check_out(telling.api, sign_in("second"))["status"] == "succeeded"
    assert wait_until(lambda: telling.metrics().value(name, **labels) == before.value(name, **labels) + 1, 20)
    assert wait_until(lambda: telling.metrics().value("shop_processes", program="worker") == 2, 20)
    assert len(list(telling.counts.glob("worker.*.lock"))) <= 3  # the exporter may have looked at a name just then


def children(process: Process) -> list[int]:
    return [child.pid for child in psutil.Process(process.pid).children()]


def test_every_metric_of_the_dashboards_and_rules_is_exported(telling: Telling) -> None:
    """Metrics without a sample yet count as well: those of events that have not happened."""
    counted = {f"{m._name}{end}" for m in vars(metrics).values() if hasattr(m, "_labelnames") for end in ENDS[m._type]}
    gauges = set(re.findall(r"^# TYPE (\w+) gauge$", telling.metrics().text, re.MULTILINE))
    files = [*(ROOT / "deploy/grafana").glob("*.json"), *(ROOT / "deploy/prometheus").glob("rules*.yml")]
    assert len(files) >= 5
    used = {name for file in files for name in METRIC.findall(file.read_text())}
    assert len(used) > 20
    assert used - counted - gauges == set()
    assert telling.metrics().names <= counted | gauges


def test_every_dashboard_names_its_panels_and_its_data_source() -> None:
    for file in (ROOT / "deploy/grafana").glob("*.json"):
        board = json.loads(file.read_text())
        assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource"]
        assert all(panel["title"] and panel["targets"] for panel in board["panels"]), file
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.fixture
def released() -> Iterator[None]:
    """This process has no name, as if it had just begun."""
    held, slots._held = slots._held, None
    yield
    if slots._held is not None:
        os.close(slots._held[1])
    slots._held = held


@pytest.mark.usefixtures("released")
def test_a_name_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    assert slots.name(tmp_path, "api") == "api.0"
    assert slots.name(tmp_path, "api") == "api.0"
    (tmp_path / "gauge_livesum_api.1.db").touch()
    child = os.fork()
    if child == 0:
        os._exit(0 if slots.name(tmp_path, "api") == "api.1" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not (tmp_path / "gauge_livesum_api.1.db").exists(), "what its former process had is not true any more"
    assert slots.free(tmp_path) == ["api.1"]
