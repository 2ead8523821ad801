"""Orders through HTTP: throughput, latency and processor time.

A journey adds two lines to the cart, checks out, and follows the task to its end. Everything runs on this machine,
including Flower and its events. Customers are threads of one process.
"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Report, alternating, percentile
from benchmarks.parts import Shop, cpu_seconds

ORDERS = {1: 60, 8: 200, 32: 400}
"""Concurrent customers → orders per measurement, which then takes some seconds."""
KINDS = {"postgres": "database", "redis": "queue", "worker": "workers", "api": "API", "dispatcher": "dispatchers"}
"""Program → label in the table. All other programs are `others`."""
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
TARGETS: dict[str, dict[str, float]] = {
    "32 customers: orders": {"at_least": 40.0},
    "1 customer: latency of the 202, p50": {"at_most": 25.0},
    "1 customer: latency to the end, p50": {"at_most": 60.0},
    "32 customers: latency to the end, p99": {"at_most": 1000.0},
}
SendCommand = Callable[[dict[str, Any]], dict[str, Any]]


def measure(folder: Path, runs: int) -> Report:
    """Starts a shop in `folder`, measures it, runs the audit, and stops it. Raises RuntimeError on failure."""
    report = Report("checkout", runs)
    with Shop(folder).up() as shop:
        shop.module("benchmarks.history", "fill", 1000, 0)
        pids = {name: found["pid"] for name, found in shop.processes().items()}
        with shop.customers(max(ORDERS)) as send:
            send({"shop": [max(ORDERS), 2 * max(ORDERS)]})  # warm-up: connections, code
            for customers in alternating(runs, list(ORDERS)):
                report.calibrate()
                _measure(report, send, pids, customers)
        shop.run("audit")  # raises if an invariant is violated
    report.remarks.append(
        "Latency to the end: from the checkout request to the response that shows that the run has ended."
    )
    return report


def _measure(report: Report, send: SendCommand, pids: dict[str, int], customers: int) -> None:
    before = cpu_seconds(pids)
    answer = send({"shop": [customers, ORDERS[customers]]})
    after = cpu_seconds(pids)
    journeys, wrong = answer["journeys"], answer["wrong"]
    if not journeys:
        raise RuntimeError(f"No order was completed: {wrong[:3]}")
    who = f"{customers} customer{'s' if customers > 1 else ''}"

    def note(what: str, value: float, unit: str) -> None:
        report.note(f"{who}: {what}", value, unit, **TARGETS.get(f"{who}: {what}", {}))

    note("orders", len(journeys) / answer["seconds"], "orders/s")
    for what, field in (
        ("latency of the 202", "accepted"),
        ("latency to the end", "ended"),
        ("duration of the run", "run"),
    ):
        seconds = [journey[field] for journey in journeys]
        for name, part in PERCENTILES.items():
            note(f"{what}, {name}", percentile(seconds, part) * 1000, "ms")
    note("task polls", sum(journey["looks"] for journey in journeys) / len(journeys), "per order")
    for kind, spent in _by_kind(before, after).items():
        note(f"CPU, {kind}", spent / len(journeys) * 1000, "ms/order")
    note("CPU, customers", answer["cpu"] / len(journeys) * 1000, "ms/order")
    report.note("error responses", len(wrong), "", at_most=0)
    report.remarks += wrong[:3]
    report.say(f"{who}: {len(journeys) / answer['seconds']:.1f} orders/s, {len(wrong)} errors")


def _by_kind(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    spent: defaultdict[str, float] = defaultdict(float)
    for name in before:
        spent[KINDS.get(name.partition("-")[0], "others")] += after[name] - before[name]
    return {kind: spent[kind] for kind in [*dict.fromkeys(KINDS.values()), "others"]}
