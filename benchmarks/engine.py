"""Checkouts per second through the engine, compared with a plain Celery canvas of no-op tasks and with DBOS.

Checkouts do all their database work and are timed from the start of the first run to the end of the last. Orders are
created beforehand. `durable` makes no external calls, like the competitors; `with gateway and mail` calls the sandbox
gateway and sends mails by SMTP.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Report, alternating
from benchmarks.parts import parts

if TYPE_CHECKING:
    from benchmarks.competitors import Competitor

SERVERS = ("postgres", "redis")
SANDBOX = ("gateway", "mailbox")
CHECKOUT_QUEUES = ("inventory", "payments", "orders", "carts", "notifications")
COUNTS = {"durable": 500, "with gateway and mail": 300, "plain": 250, "DBOS": 150}
"""Checkouts per measurement, which then takes a few seconds."""
DBOS_PROCESSES, DBOS_THREADS = 2, 2


def measure(folder: Path, runs: int) -> Report:
    """Starts the required processes in `folder`, measures, and stops them."""
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
        with parts(together, *SANDBOX, "worker-all", "dispatcher-1"):
            with stock.workers(settings, [list(QUEUES)]):
                _compare(report, "one worker", runs, [durable, plain, outside])
            _ratio(report, "one worker", "durable", "plain", at_least=2.5)
            with Dbos.running("DBOS", quiet, settings, DBOS_PROCESSES, DBOS_THREADS) as dbos:
                _compare(report, "beside DBOS", runs, [durable, dbos])
                _ratio(report, "beside DBOS", "durable", "DBOS", at_least=4.0)
        groups = ";".join(f"{queue}:{settings.worker_concurrency}={queue}" for queue in CHECKOUT_QUEUES)
        each = settings.model_copy(update={"worker_groups": f"{groups};rest=*"})
        workers = [f"worker-{queue}" for queue in CHECKOUT_QUEUES]
        each_queue = [[queue] for queue in CHECKOUT_QUEUES]
        with parts(each, *SANDBOX, *workers, "dispatcher-1"), stock.workers(settings, each_queue):
            _compare(report, "a worker per queue", runs, [durable, plain, outside])
            _ratio(report, "a worker per queue", "durable", "plain", at_least=0.7)
    report.remarks.append("durable, plain and DBOS: without external calls.")
    report.remarks.append("plain: writes nothing; plain Celery workers with the settings of the shop.")
    report.remarks.append(
        f"Workers of {settings.worker_concurrency} processes each, events {'on' if settings.worker_events else 'off'}; "
        f"DBOS: {DBOS_PROCESSES} processes of {DBOS_THREADS} threads."
    )
    return report


def _compare(report: Report, setting: str, runs: int, competitors: Sequence["Competitor"]) -> None:
    for competitor in competitors:
        competitor.seconds(20)  # warm-up: connections, code
    for competitor in alternating(runs, competitors):
        report.calibrate()
        count = COUNTS[competitor.name]
        per_second = count / competitor.seconds(count)
        report.note(f"{setting}: {competitor.name}", per_second, "runs/s")
        report.say(f"{setting}: {competitor.name} {per_second:.1f} runs/s")


def _ratio(report: Report, setting: str, ours: str, theirs: str, *, at_least: float) -> None:
    """Adds the ratios of measurements made directly after each other, so that a slow machine affects both."""
    pairs = zip(report.figures[f"{setting}: {ours}"].values, report.figures[f"{setting}: {theirs}"].values, strict=True)
    for one, other in pairs:
        report.note(f"{setting}: {ours} / {theirs}", one / other, "times", at_least=at_least)
