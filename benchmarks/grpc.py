"""Calls through gRPC: products and tokens, over one connection and over sixteen.

The callers are threads of one process, which sends prepared frames (`http2.py`). They share the machine with the shop.
"""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Report, alternating, percentile
from benchmarks.http2 import Connection
from benchmarks.parts import Shop, cpu_seconds
from benchmarks.reads import STAFF, Api

CONNECTIONS = 16
SECONDS = 4.0  # per measurement
PRODUCTS = 200
TARGETS = {"GetProduct": 3000.0, "ValidateToken": 4000.0}  # calls per second over CONNECTIONS
MAX_P50 = 2.0  # milliseconds of GetProduct over one connection


def measure(folder: Path, runs: int) -> Report:
    """Measures a shop with the sample catalogue, on 127.0.0.1."""
    from shopflow.authentication.v1 import authentication_pb2
    from shopflow.catalogue.v1 import catalogue_pb2

    report = Report("grpc", runs)
    shop = Shop(folder / "shop")
    with shop.up():
        shop.run("create-admin", *(f"--{name}={value}" for name, value in STAFF.items()))
        found = shop.processes()
        pids = {name: process["pid"] for name, process in found.items() if process["pid"]}
        api = Api(found["api"]["address"])
        products = _make_products(api)
        calls = {
            "GetProduct": (
                "shopflow.catalogue.v1.CatalogueService/GetProduct",
                [catalogue_pb2.GetProductRequest(product_id=one).SerializeToString() for one in products],
            ),
            "ValidateToken": (
                "shopflow.authentication.v1.AuthenticationService/ValidateToken",
                [authentication_pb2.ValidateTokenRequest(token=api.token).SerializeToString()],
            ),
        }
        host, _, port = found["rpc"]["address"].rpartition(":")
        measured = [(name, number) for name in calls for number in (1, CONNECTIONS)]
        for name, number in measured:
            _load(host, int(port), *calls[name], number, 1.0)  # warm-up: connections, plans
        for name, number in alternating(runs, measured):
            report.calibrate()
            _measure(report, pids, name, number, _Target(host, int(port), *calls[name]))
    return report


class _Target:
    def __init__(self, host: str, port: int, method: str, messages: Sequence[bytes]) -> None:
        self.host, self.port, self.method, self.messages = host, port, method, messages


def _measure(report: Report, pids: dict[str, int], name: str, number: int, target: _Target) -> None:
    before, began = cpu_seconds(pids), time.process_time()
    times, took = _load(target.host, target.port, target.method, target.messages, number, SECONDS)
    mine, after = time.process_time() - began, cpu_seconds(pids)
    what = f"{name}, {number} connection{'s' if number > 1 else ''}"
    target_rate = TARGETS[name] if number == CONNECTIONS else None
    report.note(what, len(times) / took, "calls/s", at_least=target_rate)
    limit = MAX_P50 if name == "GetProduct" and number == 1 else None
    report.note(f"{what}: p50", percentile(times, 0.5) * 1000, "ms", at_most=limit)
    report.note(f"{what}: p95", percentile(times, 0.95) * 1000, "ms")
    for part in ("rpc", "postgres"):
        report.note(f"{what}: CPU, {part}", (after[part] - before[part]) / len(times) * 1000, "ms/call")
    report.note(f"{what}: CPU, callers", mine / len(times) * 1000, "ms/call")
    report.say(f"{what}: {len(times) / took:.0f} calls/s")


def _load(
    host: str, port: int, method: str, messages: Sequence[bytes], number: int, seconds: float
) -> tuple[list[float], float]:
    """Calls for `seconds` over this number of connections. Returns the latencies and the total duration, in seconds."""
    times: list[list[float]] = [[] for _ in range(number)]
    wrong: list[BaseException] = []
    end = time.perf_counter() + seconds

    def call(mine: list[float], turn: int) -> None:
        try:
            connection = Connection(host, port, method, {})
            while (began := time.perf_counter()) < end:
                turn += 1
                connection.call(messages[turn % len(messages)])
                mine.append(time.perf_counter() - began)
            connection.close()
        except Exception as error:
            wrong.append(error)
            raise

    began = time.perf_counter()
    threads = [threading.Thread(target=call, args=(mine, at * 7)) for at, mine in enumerate(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(f"A caller failed: {wrong[0]!r}")
    return [one for mine in times for one in mine], time.perf_counter() - began


def _make_products(api: Api) -> list[str]:
    body = {
        "kind": "clothing", "title": "The thing to measure", "description": "A thing to wear. " * 10,
        "price": {"amount": 1999, "currency": "EUR"}, "category": "Things", "attributes": {"colour": "blue"},
    }  # fmt: skip
    return [
        api.request("/v1/products", json.dumps({**body, "sku": f"SKU-{n}"}).encode(), "application/json")["id"]
        for n in range(PRODUCTS)
    ]
