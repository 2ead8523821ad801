"""Orders through HTTP against a whole shop: how many a second, how long each takes, and what they cost.

A journey is two lines put into the cart, the checkout, and its task followed to the end. Everything is on this
machine, Flower and its events included. Customers are threads of one process that does little else.
"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Report, alternating, percentile
from benchmarks.parts import Shop, cpu_seconds

ORDERS = {1: 60, 8: 200, 32: 400}
"""Customers → orders in one measurement: some seconds' worth."""
KINDS = {"postgres": "database", "redis": "queue", "worker": "workers", "api": "API", "dispatcher": "dispatchers"}
"""Program → what it is in the table; all others together are `others`."""
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
TARGETS: dict[str, dict[str, float]] = {
    "32 customers: orders": {"at_least": 40.0},
    "1 customer: the 202, p50": {"at_most": 25.0},
    "1 customer: to the end, p50": {"at_most": 60.0},
    "32 customers: to the end, p99": {"at_most": 1000.0},
}
Ask = Callable[[dict[str, Any]], dict[str, Any]]


def measure(folder: Path, runs: int) -> Report:
    """Brings a shop up in `folder`, measures, checks its books, and takes it down."""
    report = Report("checkout", runs)
    with Shop(folder).up() as shop:
        shop.module("benchmarks.history", "fill", 1000, 0)
        pids = {name: found["pid"] for name, found in shop.processes().items()}
        with shop.customers(max(ORDERS)) as ask:
            ask({"shop": [max(ORDERS), 2 * max(ORDERS)]})  # connections are made, code is loaded
            for customers in alternating(runs, list(ORDERS)):
                report.calibrate()
                _measure(report, ask, pids, customers)
        shop.run("audit")  # fails, and so do we, if the books are wrong
    report.remarks.append("To the end: from the request for checkout to the answer that says that its run has ended.")
    return report


def _measure(report: Report, ask: Ask, pids: dict[str, int], customers: int) -> None:
    before = cpu_seconds(pids)
    answer = ask({"shop": [customers, ORDERS[customers]]})
    after = cpu_seconds(pids)
    journeys, wrong = answer["journeys"], answer["wrong"]
    if not journeys:
        raise RuntimeError(f"Not one order has come to its end: {wrong[:3]}")
    who = f"{customers} customer{'s' if customers > 1 else ''}"

    def note(what: str, value: float, unit: str) -> None:
        report.note(f"{who}: {what}", value, unit, **TARGETS.get(f"{who}: {what}", {}))

    note("orders", len(journeys) / answer["seconds"], "orders/s")
    for what, field in (("the 202", "accepted"), ("to the end", "ended"), ("the run itself", "run")):
        seconds = [journey[field] for journey in journeys]
        for name, part in PERCENTILES.items():
            note(f"{what}, {name}", percentile(seconds, part) * 1000, "ms")
    note("looks at the task", sum(journey["looks"] for journey in journeys) / len(journeys), "an order")
    for kind, spent in _by_kind(before, after).items():
        note(f"CPU, {kind}", spent / len(journeys) * 1000, "ms/order")
    note("CPU, the customers", answer["cpu"] / len(journeys) * 1000, "ms/order")
    report.note("answers that were errors", len(wrong), "", at_most=0)
    report.remarks += wrong[:3]
    report.say(f"{who}: {len(journeys) / answer['seconds']:.1f} orders/s, {len(wrong)} errors")


def _by_kind(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    spent: defaultdict[str, float] = defaultdict(float)
    for name in before:
        spent[KINDS.get(name.partition("-")[0], "others")] += after[name] - before[name]
    return {kind: spent[kind] for kind in [*dict.fromkeys(KINDS.values()), "others"]}
