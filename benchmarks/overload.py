"""More orders than can be done: how many are confirmed a second at half, once, twice and four times the capacity.

Customers come at a fixed rate and never wait (`benchmarks.crowd`): an open loop, as a crowd is. The capacity is
measured first: a few hundred orders at once, from the first request to the last confirmation. Goodput is what was
confirmed while the load lasted; the queue that is left is done before the next load, and counted as well.
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
"""Times the capacity."""
PROBE = 800  # orders
GOOD = 0.9  # of the best goodput, at four times the capacity
EXPECTED = 80  # orders a second, for which there are customers enough
Ask = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Loaded:
    """What came of one load: answers, and orders by what became of them. `goodput`: confirmed a second meanwhile."""

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
    """Brings a shop up in `folder`, measures, checks its books, and takes it down."""
    report = Report("overload", runs)
    loads = []
    with Shop(folder, SHOP_MAX_WAIT=str(max_wait)).up() as shop:
        shop.module("benchmarks.history", "fill", 1000, 0)
        pids = {name: found["pid"] for name, found in shop.processes().items()}
        with _crowd(shop, int(max(LOADS) * EXPECTED * seconds)) as ask:
            for _ in range(runs):
                report.calibrate()
                capacity = _capacity(report, ask)
                for factor in LOADS:
                    before = cpu_seconds(pids)
                    loads.append(_load(report, ask, factor, capacity * factor, seconds))
                    spent = {name: cpu - before[name] for name, cpu in cpu_seconds(pids).items()}
                    report.say("    CPU s: " + ", ".join(f"{name} {cpu:.0f}" for name, cpu in spent.items()))
        shop.run("audit")  # fails, and so do we, if the books are wrong
    best = max(load.goodput for load in loads)
    for load in loads:
        report.note(f"{load.factor:g} times the capacity: of the best goodput", load.goodput / best, "",
                    at_least=GOOD if load.factor == max(LOADS) else None)  # fmt: skip
        late = load.cancelled.get("deadline_exceeded", 0)
        report.note(f"{load.factor:g} times the capacity: cancelled, deadline_exceeded", late, "orders", at_most=0)
    report.console.print(_table(loads, best))
    report.remarks.append(f"Each load lasted {seconds:g} s, with SHOP_MAX_WAIT={max_wait:g}.")
    return report


def _capacity(report: Report, ask: Ask) -> float:
    """Orders a second when many are there at once, all work of the API included."""
    since = now()
    ask({"offer": [PROBE, 1]})
    drain()
    took = value("SELECT extract(epoch FROM max(confirmed_at) - :since) FROM orders.order", since=since)
    ask({"fill": None})
    report.note("capacity", PROBE / took, "orders/s")
    report.say(f"capacity: {PROBE / took:.1f} orders/s")
    return PROBE / float(took)


def _load(report: Report, ask: Ask, factor: float, rate: float, seconds: float) -> Loaded:
    since = now()
    answer = ask({"offer": [rate, seconds]})
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
    ask({"fill": None})
    name = f"{factor:g} times the capacity"
    report.note(f"{name}: goodput", load.goodput, "orders/s")
    for what, took in answer["took"].items():
        if what in ("accepted", "overloaded"):
            report.note(f"{name}: until it was {what}, p95", percentile(took, 0.95) * 1000, "ms")
    report.say(f"{load} late {answer['late']:.2f} s")
    return load


def _table(loads: list[Loaded], best: float) -> Table:
    table = Table(title="Goodput under overload", title_justify="left", title_style="bold")
    headings = (
        "times the capacity", "offered", "accepted", "shed", "other answers", "confirmed", "cancelled", "goodput /s",
        "of the best", "longest s",
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
def _crowd(shop: Shop, count: int) -> Iterator[Ask]:
    """A process of so many customers; yields a function that has them do something and answer."""
    command = ["python", "-m", "benchmarks.crowd", shop.processes()["api"]["address"], str(count)]
    log = Path(shop.environment["SHOP_VAR"]) / "log" / "crowd.log"
    with process("crowd", command, shop.environment, log, answers=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def heard() -> dict[str, Any]:
            assert child.stdout is not None
            answer = child.stdout.readline()
            if not answer:
                raise RuntimeError(f"The crowd has gone:\n{log.read_text()[-2000:]}")
            found: dict[str, Any] = json.loads(answer)
            return found

        def ask(what: dict[str, Any]) -> dict[str, Any]:
            print(json.dumps(what), file=child.stdin, flush=True)
            return heard()

        heard()
        yield ask
