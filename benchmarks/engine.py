"""Checkouts per second through the engine, against a plain Celery canvas of no-op tasks and against DBOS.

Durable, that is with all their database work, and timed from the start of the first run to the end of the last.
The orders are there before. Two kinds: `durable` leaves out the outside calls, as the rivals do; `with gateway
and mail` makes them, to the sandbox and by SMTP.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Report, alternating
from benchmarks.parts import parts

if TYPE_CHECKING:
    from benchmarks.competitors import Rival

SERVERS = ("postgres", "redis")
OUTSIDE = ("gateway", "mailbox")
CHECKOUTS_QUEUES = ("inventory", "payments", "orders", "carts", "notifications")
COUNTS = {"durable": 500, "with gateway and mail": 300, "plain": 250, "DBOS": 150}
"""Checkouts in one measurement: a few seconds' worth of each."""
DBOS_PROCESSES, DBOS_THREADS = 2, 2


def measure(folder: Path, runs: int) -> Report:
    """Starts what is needed in `folder`, measures, and stops it again."""
    from local import provision
    from models.core.schema import migrate
    from settings import QUEUES

    report = Report("engine", runs)
    settings = provision.prepare()
    with parts(settings, *SERVERS):
        migrate()
        from benchmarks import stock
        from benchmarks.competitors import Dbos, Durable, Plain, supplies

        quiet, loud = supplies()
        durable = Durable("durable", quiet, quiet=True)
        outside = Durable("with gateway and mail", loud, quiet=False)
        plain = Plain("plain")
        together = settings.model_copy(update={"worker_groups": "all=*"})
        with parts(together, *OUTSIDE, "worker-all", "dispatcher-1"):
            with stock.workers(settings, [list(QUEUES)]):
                _compare(report, "one worker", runs, [durable, plain, outside])
            _ratio(report, "one worker", "durable", "plain", at_least=2.5)
            with Dbos.running("DBOS", quiet, settings, DBOS_PROCESSES, DBOS_THREADS) as dbos:
                _compare(report, "beside DBOS", runs, [durable, dbos])
                _ratio(report, "beside DBOS", "durable", "DBOS", at_least=4.0)
        groups = ";".join(f"{queue}:{settings.worker_concurrency}={queue}" for queue in CHECKOUTS_QUEUES)
        each = settings.model_copy(update={"worker_groups": f"{groups};rest=*"})
        workers = [f"worker-{queue}" for queue in CHECKOUTS_QUEUES]
        each_queue = [[queue] for queue in CHECKOUTS_QUEUES]
        with parts(each, *OUTSIDE, *workers, "dispatcher-1"), stock.workers(settings, each_queue):
            _compare(report, "a worker per queue", runs, [durable, plain, outside])
            _ratio(report, "a worker per queue", "durable", "plain", at_least=0.7)
    report.remarks.append("durable, plain and DBOS: without outside calls.")
    report.remarks.append("plain: nothing is written anywhere; its workers are Celery's own, with our settings.")
    report.remarks.append(
        f"Workers of {settings.worker_concurrency} processes each, events {'on' if settings.worker_events else 'off'}; "
        f"DBOS: {DBOS_PROCESSES} processes of {DBOS_THREADS} threads."
    )
    return report


def _compare(report: Report, setting: str, runs: int, rivals: Sequence["Rival"]) -> None:
    for rival in rivals:
        rival.seconds(20)  # connections are made, code is loaded
    for rival in alternating(runs, rivals):
        report.calibrate()
        count = COUNTS[rival.name]
        per_second = count / rival.seconds(count)
        report.note(f"{setting}: {rival.name}", per_second, "runs/s")
        report.say(f"{setting}: {rival.name} {per_second:.1f} runs/s")


def _ratio(report: Report, setting: str, ours: str, theirs: str, *, at_least: float) -> None:
    """Of measurements that were made side by side, so that a slow minute falls on both."""
    pairs = zip(report.figures[f"{setting}: {ours}"].values, report.figures[f"{setting}: {theirs}"].values, strict=True)
    for one, other in pairs:
        report.note(f"{setting}: {ours} / {theirs}", one / other, "times", at_least=at_least)
