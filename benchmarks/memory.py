"""The memory of every process of a shop, measured once a minute under load, to detect leaks.

The measure is the proportional set size (PSS; Linux), which counts shared pages once: those shared by a worker and its
children, and PostgreSQL's shared buffers. A process includes its children.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.figures import Report
from benchmarks.parts import Shop, memory

CUSTOMERS, ORDERS = 8, 100
"""Concurrent customers, and orders per batch, which takes some seconds."""
SIGNED_IN = 600.0  # seconds until new customers register; an access token expires after 15 minutes
MINUTE = 60.0  # seconds
MAX_GROWTH = 2.0  # MiB per thousand orders


class MemoryReport(Report):
    """Figures by process, one value per minute. `orders`: number of completed orders at each value."""

    def __init__(self) -> None:
        super().__init__("memory", 1)
        self.orders: list[int] = []

    def take(self, orders: int, mebibytes: Mapping[str, float]) -> None:
        """Adds a measurement of all processes."""
        self.orders.append(orders)
        for name, value in mebibytes.items():
            self.note(name, value, "MiB")
        self.say(f"{orders} orders: {sum(mebibytes.values()):.0f} MiB, Flower {mebibytes['flower']:.0f}")

    def growth(self, name: str) -> float:
        """MiB per thousand orders in the second half. In the first half, code is loaded and caches are filled."""
        values, middle = self.figures[name].values, len(self.orders) // 2
        return (values[-1] - values[middle]) / (self.orders[-1] - self.orders[middle]) * 1000

    def show(self) -> None:
        middle = len(self.orders) // 2
        title = f"memory: MiB (PSS) with children, at {', '.join(str(self.orders[n]) for n in (0, middle, -1))} orders"
        table = Table(title=title, title_justify="left", title_style="bold")
        table.add_column("process")
        for heading in ("start", "middle", "end", "MiB/1,000 orders in the 2nd half", "flat"):
            table.add_column(heading, justify="right")
        for name, figure in self.figures.items():
            seen = [f"{figure.values[n]:.1f}" for n in (0, middle, -1)]
            growth = self.growth(name)
            table.add_row(name, *seen, f"{growth:+.2f}", "yes" if growth <= MAX_GROWTH else "NO")
        self.console.print(table)
        for remark in self.remarks:
            self.say(remark)

    def as_dict(self) -> dict[str, Any]:
        found = {**super().as_dict(), "orders": self.orders}
        return {**found, "growth": {name: self.growth(name) for name in self.figures}}


def measure(folder: Path, runs: int, minutes: float) -> Report:
    """Starts a shop in `folder`, runs the load for `minutes`, runs the audit, and stops it."""
    report = MemoryReport()
    report.calibrate()
    with Shop(folder).up() as shop:
        shop.module("benchmarks.history", "fill", 1000, 0)
        pids = {name: found["pid"] for name, found in shop.processes().items()}
        began = time.monotonic()
        orders = 0
        while (now := time.monotonic()) - began < minutes * MINUTE:
            until = min(now + SIGNED_IN, began + minutes * MINUTE)
            orders = _load(report, shop, pids, orders, began, until)
        report.take(orders, memory(pids))
        restarts = {name: found["restarts"] for name, found in shop.processes().items() if found["restarts"]}
        shop.run("audit")  # raises if an invariant is violated
    report.remarks.append(f"{minutes:g} minutes, {CUSTOMERS} customers; restarted: {restarts or 'none'}.")
    return report


def _load(report: MemoryReport, shop: Shop, pids: dict[str, int], orders: int, began: float, until: float) -> int:
    """Registers customers and places orders, with a measurement each minute. Returns the number of orders so far."""
    with shop.customers(CUSTOMERS) as send:
        while time.monotonic() < until:
            if time.monotonic() >= began + len(report.orders) * MINUTE:
                report.take(orders, memory(pids))
            done = send({"shop": [CUSTOMERS, ORDERS]})
            if done["wrong"]:
                raise RuntimeError(f"After {orders} orders: {done['wrong'][:3]}")
            orders += len(done["journeys"])
    return orders
