"""What goes on while a service outside hangs: checkouts beside a mail server, other work beside a payment gateway.

The service's process is stopped (SIGSTOP): it takes connections and answers nothing. Each phase begins with empty
queues and lasts equally long; each one with a fault stands between two without, and is compared with their mean.
Orders need no mail to be confirmed: that is what counts, and how long after the order they were. Beside the gateway
it is runs of registrations, restocks and imports that have ended, while two orders a second wait for the gateway.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.books import drain, now, rows, value
from benchmarks.figures import Report
from benchmarks.neighbours import STAFF
from benchmarks.parts import Shop, process

ACCOUNTS = 64
"""Orders that may be under way at once: the workers always have something to do."""
AT_LEAST = 0.9  # of the speed without a fault
Ask = Callable[[dict[str, Any]], dict[str, Any]]

_CONFIRMED = """
    SELECT count(*) FROM orders.order WHERE confirmed_at >= :since
        AND confirmed_at < CAST(:since AS timestamptz) + make_interval(secs => :seconds)"""
_ENDED = """
    SELECT count(*) FROM workflow.run WHERE workflow <> 'checkout' AND finished_at >= :since
        AND finished_at < CAST(:since AS timestamptz) + make_interval(secs => :seconds)"""
_TOOK = """
    SELECT percentile_cont(ARRAY[0.5, 0.95, 1.0]) WITHIN GROUP (ORDER BY extract(epoch FROM {end} - created_at))
    FROM {table} WHERE created_at >= :since AND {end} IS NOT NULL
        AND created_at < CAST(:since AS timestamptz) + make_interval(secs => :seconds)"""
_TO_CONFIRMED = _TOOK.format(table="orders.order", end="confirmed_at")
_TO_END = _TOOK.format(table="workflow.run", end="finished_at") + " AND workflow <> 'checkout'"


@dataclass(frozen=True)
class Kind:
    """What people do: the program that hangs meanwhile, what counts, and how it and its time are asked for."""

    program: str
    what: str
    counted: str
    timed: str


KINDS = {
    "order": Kind("mailbox", "orders confirmed", _CONFIRMED, _TO_CONFIRMED),
    "work": Kind("gateway", "other runs ended", _ENDED, _TO_END),
}


def measure(folder: Path, runs: int, seconds: float) -> Report:
    """Brings a shop up in `folder`, measures, checks its books, and takes it down."""
    report = Report("bulkheads", runs)
    with Shop(folder).up() as shop:
        shop.run("create-admin", *(f"--{name}={given}" for name, given in STAFF.items()))
        shop.module("benchmarks.history", "fill", 1000, 0)
        for _ in range(runs):
            report.calibrate()
            with _neighbours(shop) as ask:
                ask({"order": 3})  # connections are made, code is loaded
                ask({"work": 3})
                drain()
                for kind in KINDS:
                    _compare(report, shop, ask, kind, seconds)
        shop.run("audit")  # fails, and so do we, if the books are wrong
        cancelled = rows("SELECT reason->>'code', count(*) FROM orders.order WHERE status = 'cancelled' GROUP BY 1")
    report.note("orders cancelled", sum(count for _, count in cancelled), "", at_most=0)
    report.remarks.append(f"Each phase lasted {seconds:g} s. Cancelled: {dict(map(tuple, cancelled)) or 'none'}.")
    return report


def _compare(report: Report, shop: Shop, ask: Ask, kind: str, seconds: float) -> None:
    """Well, with the fault, and well again."""
    about = KINDS[kind]
    before = _phase(report, shop, ask, kind, seconds)
    struck = _phase(report, shop, ask, kind, seconds, about.program)
    after = _phase(report, shop, ask, kind, seconds)
    name = f"{about.program} stopped: {about.what}, of the speed without"
    report.note(name, 2 * struck / (before + after), "", at_least=AT_LEAST)


def _phase(report: Report, shop: Shop, ask: Ask, kind: str, seconds: float, stopped: str = "") -> float:
    """Counts for so many seconds, then lets everything come to its end. Returns the count a second."""
    about = KINDS[kind]
    with _stopped(shop, stopped):
        since = now()
        answers = ask({kind: seconds})
        speed = float(value(about.counted, since=since, seconds=seconds)) / seconds
    drain()
    name = f"{stopped} stopped: {about.what}" if stopped else f"all well: {about.what}"
    report.note(name, speed, "/s")
    times = [float(took) for took in value(about.timed, since=since, seconds=seconds)]
    for part, took in zip(("p50", "p95", "longest"), times, strict=True):
        report.note(f"{name}, after, {part}", took, "s")
    report.say(f"{name}: {speed:.1f} a second, after {times[0]:.2f} s, p95 {times[1]:.2f} s; {answers}")
    return speed


@contextmanager
def _stopped(shop: Shop, name: str) -> Iterator[None]:
    """The program hangs for the length of the block."""
    pid = shop.processes()[name]["pid"] if name else None
    if pid:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if pid:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _neighbours(shop: Shop) -> Iterator[Ask]:
    """A process of customers and others; yields a function that has them do something and answer."""
    products = shop.module("benchmarks.history", "some").split()
    address = shop.processes()["api"]["address"]
    command = ["python", "-m", "benchmarks.neighbours", address, str(ACCOUNTS), *products]
    log = Path(shop.environment["SHOP_VAR"]) / "log" / "neighbours.log"
    with process("neighbours", command, shop.environment, log, answers=True) as child:

        def heard() -> dict[str, Any]:
            assert child.stdout is not None
            answer = child.stdout.readline()
            if not answer:
                raise RuntimeError(f"The neighbours have gone:\n{log.read_text()[-2000:]}")
            found: dict[str, Any] = json.loads(answer)
            return found

        def ask(what: dict[str, Any]) -> dict[str, Any]:
            assert child.stdin is not None
            print(json.dumps(what), file=child.stdin, flush=True)
            return heard()

        heard()
        yield ask
