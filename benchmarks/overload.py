"""Overload: confirmed orders per second at 0.5, 1, 2 and 4 times the capacity.

Customers arrive at a fixed rate (`benchmarks.crowd`): an open loop. The capacity is measured first: 800 orders at once,
from the first request to the last confirmation. Goodput counts the orders confirmed during the load. The queue is
drained before the next load; these orders are counted separately.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.books import drain, now, rows, value
from benchmarks.figures import Report, percentile
from benchmarks.parts import Shop, cpu_seconds, process

LOADS = (0.5, 1.0, 2.0, 4.0)
"""Multiples of the capacity."""
PROBE = 800  # orders to measure the capacity
MIN_GOODPUT = 0.9  # of the best goodput, at four times the capacity
MAX_CAPACITY = 80  # orders per second; determines the number of customers
SendCommand = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Loaded:
    """The result of a load: responses and orders. `goodput`: orders confirmed per second during the load."""

    factor: float
    offered: int
    accepted: int
    shed: int
    other: dict[str, int]
    confirmed: int
    cancelled: dict[str, int]
    goodput: float
    longest: float


def measure(folder: Path, runs: int, seconds: float, max_wait: float) -> Report:
    """Starts a shop in `folder`, measures it, runs the audit, and stops it. Raises RuntimeError on failure."""
    report = Report("overload", runs)
    loads = []
    with Shop(folder, SHOP_MAX_WAIT=str(max_wait)).up() as shop:
        shop.module("benchmarks.history", "fill", 1000, 0)
        pids = {name: found["pid"] for name, found in shop.processes().items()}
        with _crowd(shop, int(max(LOADS) * MAX_CAPACITY * seconds)) as send:
            for _ in range(runs):
                report.calibrate()
                capacity = _capacity(report, send)
                for factor in LOADS:
                    before = cpu_seconds(pids)
                    loads.append(_load(report, send, factor, capacity * factor, seconds))
                    spent = {name: cpu - before[name] for name, cpu in cpu_seconds(pids).items()}
                    report.say("    CPU s: " + ", ".join(f"{name} {cpu:.0f}" for name, cpu in spent.items()))
        shop.run("audit")  # raises if an invariant is violated
    best = max(load.goodput for load in loads)
    for load in loads:
        report.note(f"{load.factor:g} times the capacity: of the best goodput", load.goodput / best, "",
                    at_least=MIN_GOODPUT if load.factor == max(LOADS) else None)  # fmt: skip
        late = load.cancelled.get("deadline_exceeded", 0)
        report.note(f"{load.factor:g} times the capacity: cancelled, deadline_exceeded", late, "orders", at_most=0)
    report.console.print(_table(loads, best))
    report.remarks.append(f"Each load lasted {seconds:g} s, with SHOP_MAX_WAIT={max_wait:g}.")
    return report


def _capacity(report: Report, send: SendCommand) -> float:
    """Orders per second when many arrive at once, including the API's work."""
    since = now()
    send({"offer": [PROBE, 1]})
    drain()
    took = value("SELECT extract(epoch FROM max(confirmed_at) - :since) FROM orders.order", since=since)
    send({"fill": None})
    report.note("capacity", PROBE / took, "orders/s")
    report.say(f"capacity: {PROBE / took:.1f} orders/s")
    return PROBE / float(took)


def _load(report: Report, send: SendCommand, factor: float, rate: float, seconds: float) -> Loaded:
    since = now()
    answer = send({"offer": [rate, seconds]})
    meanwhile = value(
        "SELECT count(*) FROM orders.order WHERE confirmed_at >= :since "
        "AND confirmed_at < CAST(:since AS timestamptz) + make_interval(secs => :seconds)",
        since=since, seconds=answer["seconds"],
    )  # fmt: skip
    drain()
    ends = rows(
        "SELECT status, reason->>'code' AS code, count(*) AS orders, extract(epoch FROM max(confirmed_at - created_at))"
        " AS longest FROM orders.order WHERE created_at >= :since GROUP BY 1, 2",
        since=since,
    )  # fmt: skip
    answers = answer["answers"]
    load = Loaded(
        factor, sum(answers.values()), answers.pop("accepted", 0), answers.pop("overloaded", 0), answers,
        sum(end.orders for end in ends if end.status == "confirmed"),
        {end.code: end.orders for end in ends if end.status == "cancelled"},
        meanwhile / answer["seconds"], max((float(end.longest) for end in ends if end.longest), default=0.0),
    )  # fmt: skip
    send({"fill": None})
    name = f"{factor:g} times the capacity"
    report.note(f"{name}: goodput", load.goodput, "orders/s")
    for what, took in answer["took"].items():
        if what in ("accepted", "overloaded"):
            report.note(f"{name}: latency until {what}, p95", percentile(took, 0.95) * 1000, "ms")
    report.say(f"{load} started at most {answer['late']:.2f} s late")
    return load


def _table(loads: list[Loaded], best: float) -> Table:
    table = Table(title="Goodput under overload", title_justify="left", title_style="bold")
    headings = (
        "times the capacity", "offered", "accepted", "shed", "other responses", "confirmed", "cancelled", "goodput /s",
        "of the best", "max latency s",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right")
    for load in loads:
        counts = (load.offered, load.accepted, load.shed, sum(load.other.values()), load.confirmed)
        table.add_row(
            f"{load.factor:g}", *map(str, counts), str(sum(load.cancelled.values())), f"{load.goodput:.1f}",
            f"{load.goodput / best:.2f}", f"{load.longest:.1f}",
        )  # fmt: skip
    return table


@contextmanager
def _crowd(shop: Shop, count: int) -> Iterator[SendCommand]:
    """Starts `benchmarks.crowd`; yields a function that sends a command and returns the response."""
    command = ["python", "-m", "benchmarks.crowd", shop.processes()["api"]["address"], str(count)]
    log = Path(shop.environment["SHOP_VAR"]) / "log" / "crowd.log"
    with process("crowd", command, shop.environment, log, answers=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def read_response() -> dict[str, Any]:
            assert child.stdout is not None
            answer = child.stdout.readline()
            if not answer:
                raise RuntimeError(f"benchmarks.crowd has exited:\n{log.read_text()[-2000:]}")
            found: dict[str, Any] = json.loads(answer)
            return found

        def send(what: dict[str, Any]) -> dict[str, Any]:
            print(json.dumps(what), file=child.stdin, flush=True)
            return read_response()

        read_response()
        yield send
