"""2,000 queued checkouts and one worker process: duplicate messages and the order of processing.

Runs that wait in a long queue must not be published again, because the queue would grow with duplicates. Their leases
expire long before they are processed.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Report
from benchmarks.parts import parts

if TYPE_CHECKING:
    from benchmarks.competitors import Durable

QUEUED = 2000


Worker = Callable[[], AbstractContextManager[dict[str, int]]]


def measure(folder: Path, runs: int) -> Report:
    """Starts the required processes in `folder`, measures, and stops them."""
    from local import provision
    from models.core.schema import migrate

    report = Report("backlog", runs)
    settings = provision.prepare()
    alone = settings.model_copy(update={"worker_groups": "all:1=*"})
    with parts(settings, "postgres", "redis", "gateway", "mailbox", "dispatcher-1"):
        migrate()
        from benchmarks.competitors import Durable, supplies

        durable = Durable("durable", supplies()[0], quiet=True)
        for _ in range(runs):
            report.calibrate()
            _measure(report, durable, lambda: parts(alone, "worker-all"))
    report.remarks.append(
        f"{QUEUED} checkouts per measurement, without external calls. Messages are counted as LPUSH commands of Redis."
    )
    return report


def _measure(report: Report, durable: "Durable", worker: Worker) -> None:
    from benchmarks.queues import published, served

    placed, before = durable.supply.place(QUEUED, durable.card), published()
    queued = durable.start(placed)
    began = time.perf_counter()
    with worker():
        durable.wait(placed)
        took = time.perf_counter() - began
    report.note("one worker process", QUEUED / took, "runs/s")
    report.note("messages published per message needed", (published() - before) / QUEUED, "times", at_most=1.05)
    overtaken = sum(place > following for place, following in pairwise(served(queued)))
    report.note("runs that began before an earlier one", overtaken, "runs", at_most=0)
    report.say(f"{QUEUED / took:.1f} runs/s")
