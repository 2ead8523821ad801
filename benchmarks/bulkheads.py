"""Throughput while an external service hangs: orders while the mail server hangs, other runs while the gateway hangs.

The process of the service is stopped (SIGSTOP): it accepts connections and does not respond. All phases begin with
empty queues and have the same duration. A phase with a fault runs between two normal ones and is compared with their
mean. With the mailbox stopped, confirmed orders and the latency of their confirmation are measured, because
confirmations do not depend on mails. With the gateway stopped, completed registrations, restocks and imports are
measured, while two orders a second wait for the gateway.
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
"""Maximum number of orders in progress; enough to keep the workers busy."""
MIN_RATIO = 0.9  # of the throughput without a fault
SendCommand = Callable[[dict[str, Any]], dict[str, Any]]

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
    """A kind of load: the program to stop, the label, and the queries for count and latency."""

    program: str
    label: str
    count_query: str
    latency_query: str


KINDS = {
    "order": Kind("mailbox", "orders confirmed", _CONFIRMED, _TO_CONFIRMED),
    "work": Kind("gateway", "other runs ended", _ENDED, _TO_END),
}


def measure(folder: Path, runs: int, seconds: float) -> Report:
    """Starts a shop in `folder`, measures it, runs the audit, and stops it. Raises RuntimeError on failure."""
    report = Report("bulkheads", runs)
    with Shop(folder).up() as shop:
        shop.run("create-admin", *(f"--{name}={given}" for name, given in STAFF.items()))
        shop.module("benchmarks.history", "fill", 1000, 0)
        for _ in range(runs):
            report.calibrate()
            with _neighbours(shop) as send:
                send({"order": 3})  # warm-up: connections, code
                send({"work": 3})
                drain()
                for kind in KINDS:
                    _compare(report, shop, send, kind, seconds)
        shop.run("audit")  # raises if an invariant is violated
        cancelled = rows("SELECT reason->>'code', count(*) FROM orders.order WHERE status = 'cancelled' GROUP BY 1")
    report.note("orders cancelled", sum(count for _, count in cancelled), "", at_most=0)
    report.remarks.append(f"Each phase lasted {seconds:g} s. Cancelled: {dict(map(tuple, cancelled)) or 'none'}.")
    return report


def _compare(report: Report, shop: Shop, send: SendCommand, kind: str, seconds: float) -> None:
    """Measures without the fault, with it, and without it again."""
    load = KINDS[kind]
    before = _phase(report, shop, send, kind, seconds)
    stopped = _phase(report, shop, send, kind, seconds, load.program)
    after = _phase(report, shop, send, kind, seconds)
    name = f"{load.program} stopped: {load.label}, ratio to normal throughput"
    report.note(name, 2 * stopped / (before + after), "", at_least=MIN_RATIO)


def _phase(report: Report, shop: Shop, send: SendCommand, kind: str, seconds: float, stopped: str = "") -> float:
    """Runs the load for `seconds`, then waits for all runs to end. Returns the throughput per second."""
    load = KINDS[kind]
    with _stopped(shop, stopped):
        since = now()
        answers = send({kind: seconds})
        throughput = float(value(load.count_query, since=since, seconds=seconds)) / seconds
    drain()
    name = f"{stopped} stopped: {load.label}" if stopped else f"normal: {load.label}"
    report.note(name, throughput, "/s")
    times = [float(took) for took in value(load.latency_query, since=since, seconds=seconds)]
    for part, took in zip(("p50", "p95", "max"), times, strict=True):
        report.note(f"{name}, latency {part}", took, "s")
    report.say(f"{name}: {throughput:.1f}/s, latency p50 {times[0]:.2f} s, p95 {times[1]:.2f} s; {answers}")
    return throughput


@contextmanager
def _stopped(shop: Shop, name: str) -> Iterator[None]:
    """Stops the program with SIGSTOP for the duration of the block. Does nothing for an empty name."""
    pid = shop.processes()[name]["pid"] if name else None
    if pid:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if pid:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _neighbours(shop: Shop) -> Iterator[SendCommand]:
    """Starts `benchmarks.neighbours`; yields a function that sends a command and returns the response."""
    products = shop.module("benchmarks.history", "some").split()
    address = shop.processes()["api"]["address"]
    command = ["python", "-m", "benchmarks.neighbours", address, str(ACCOUNTS), *products]
    log = Path(shop.environment["SHOP_VAR"]) / "log" / "neighbours.log"
    with process("neighbours", command, shop.environment, log, answers=True) as child:

        def read_response() -> dict[str, Any]:
            assert child.stdout is not None
            answer = child.stdout.readline()
            if not answer:
                raise RuntimeError(f"benchmarks.neighbours has exited:\n{log.read_text()[-2000:]}")
            found: dict[str, Any] = json.loads(answer)
            return found

        def send(what: dict[str, Any]) -> dict[str, Any]:
            assert child.stdin is not None
            print(json.dumps(what), file=child.stdin, flush=True)
            return read_response()

        read_response()
        yield send
