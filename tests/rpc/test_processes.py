"""`shop rpc`: its processes, their end, and what they tell."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from demo.temporary_stack import SHOP
from local.waiting import wait_until
from rpc.probe import is_serving
from rpc.services import SERVICES
from tests.conftest import Caller
from tests.rpc.calls import Channel, bearer
from tests.rpc.pairs import of
from tests.rpc.serving import serving
from tests.shopping import make_product

TOKEN, FOLLOW = of("Authentication.ValidateToken"), of("Tasks.FollowTask")


def test_processes_share_a_port_and_one_that_dies_is_replaced(seeds: Any, tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as running:
        first, second = running.pids()
        assert psutil.Process(first).ppid() == psutil.Process(second).ppid() == running.process.pid
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: len(running.pids()) == 3, 20)
        with grpc.insecure_channel(running.address) as opened:
            assert not Channel(opened).call(TOKEN, {"token": "x"}).active
    assert running.process.poll() == 0


def test_a_killed_parent_takes_its_children_along(seeds: Any, tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        [child] = running.pids()
        os.kill(running.process.pid, signal.SIGKILL)
        assert wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", 30)


def test_running_calls_end_before_the_process_does(tmp_path: Path, customer: Caller, order: Callable[..., Any]) -> None:
    task = {"task_id": order(customer, {make_product("A", 1): 1}, wait=0).json["task_id"]}
    with serving(tmp_path) as running, ExitStack() as exits:
        channel = Channel(exits.enter_context(grpc.insecure_channel(running.address)))
        stream = exits.enter_context(channel.stream(FOLLOW, task, bearer(customer)))
        next(stream)
        health = exits.enter_context(grpc.insecure_channel(running.address)).unary_stream(
            "/grpc.health.v1.Health/Watch",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(health).status == health_pb2.HealthCheckResponse.SERVING
        waiting = channel.begin(of("Tasks.GetTask"), {**task, "wait": 2.0}, bearer(customer))
        assert channel.call(of("Tasks.GetTask"), task, bearer(customer)).task.id == task["task_id"]
        running.process.send_signal(signal.SIGTERM)
        assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as ended:
            next(stream)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
        assert waiting.result(20).task.id == task["task_id"]
        assert running.process.wait(60) == 0
    assert not is_serving(running.address, tls=False)


def test_a_port_in_use_is_refused(seeds: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {**os.environ, "SHOP_RPC_PORT": str(taken.getsockname()[1])}
        done = subprocess.run([SHOP, "rpc"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Address already in use." in done.stderr.splitlines()[-1]


def test_reflection_lists_the_services(server: str) -> None:
    with grpc.insecure_channel(server) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {service.name for service in SERVICES} <= set(database.get_services())
        file = database.FindFileContainingSymbol("shopflow.orders.v1.OrdersService")
        assert file.package == "shopflow.orders.v1"


def test_calls_are_counted(channel: Channel) -> None:
    from prometheus_client import REGISTRY

    def counted(**labels: str) -> float:
        return REGISTRY.get_sample_value("shop_rpc_calls_total", {"call": TOKEN, **labels}) or 0

    before = counted(status="OK"), counted(status="INVALID_ARGUMENT")
    channel.call(TOKEN, {"token": "x"})
    channel.call(TOKEN, {})
    assert (counted(status="OK"), counted(status="INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1)


def test_a_span_continues_the_trace_of_the_caller(seeds: Any, tmp_path: Path) -> None:
    import json
    import re

    from tests.processes import Process

    trace, parent, file = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", tmp_path / "spans.jsonl"
    with ExitStack() as exits:
        log = tmp_path / "collector.log"
        collector = Process("tests.telemetry.collector:main", str(file), environment=dict(os.environ), log=log)
        exits.callback(collector.stop)
        collector.wait_for("collecting on")
        [url] = re.findall(r"http://\S+", log.read_text())
        running = exits.enter_context(serving(tmp_path, SHOP_OTLP_URL=url))
        with grpc.insecure_channel(running.address) as opened:
            Channel(opened).call(TOKEN, {"token": "x"}, {"traceparent": f"00-{trace}-{parent}-01"})
        assert wait_until(lambda: file.exists() and trace in file.read_text(), 20)
        [span] = [json.loads(line) for line in file.read_text().splitlines()]
    assert (span["name"], span["trace"], span["parent"]) == (TOKEN, trace, parent)
