"""A plain Celery application, for comparison with the engine: `celery -A benchmarks.stock`.

It has the shop's Celery settings, none of the shop's code in its workers, and separate queues.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from celery import Celery, Signature, chain, chord
from kombu import Queue

from benchmarks.parts import process
from local.supervision import environment
from settings import QUEUES, Settings

app = Celery("stock", set_as_current=False)
app.config_from_object("celeryconfig")
app.conf.task_queues = [Queue(f"stock.{name}", routing_key=f"stock.{name}") for name in QUEUES]
app.conf.task_default_queue = "stock.orders"


@app.task(name="stock.nothing", shared=False)
def nothing() -> None:
    """A task that does nothing."""


def canvas() -> Signature:
    """A canvas of the checkout's shape, `chain(a, b, c, chord([d, e, f], g))`, with a queue per service."""
    from durable.plan import FRESH, plan
    from workflows.checkout import CHECKOUT

    services = [[call.step.queue for call in stage] for stage in plan(CHECKOUT, FRESH)]
    stages = [[nothing.si().set(queue=f"stock.{service}") for service in stage] for stage in services]
    *singles, side_by_side, last = stages
    return chain(*(stage[0] for stage in singles), chord(side_by_side, last[0]))


@contextmanager
def workers(settings: Settings, groups: list[list[str]]) -> Iterator[None]:
    """Runs a worker for each group of queues, with as many child processes as a worker of the shop."""
    with ExitStack() as exits:
        for group in groups:
            queues = ",".join(f"stock.{queue}" for queue in group)
            command = [
                "celery", "-A", "benchmarks.stock", "worker", "-n", f"stock-{group[0]}@%h", "-Q", queues,
                "--concurrency", str(settings.worker_concurrency), "--without-gossip", "--without-mingle",
            ]  # fmt: skip
            log = settings.var / f"stock-{group[0]}.log"
            exits.enter_context(process(f"stock-{group[0]}", command, environment(settings), log))
        yield
