"""`shop webhooks`: the process that delivers public events to webhook endpoints."""

import logging
import signal
import threading

import click

import workflows  # noqa: F401  registers the workflow that tells staff of a disabled endpoint
from relay.deliverer import deliver
from relay.leader import Leader, lead
from telemetry import logs, metrics


@click.command()
def webhooks() -> None:
    """Deliver public events to webhook endpoints, in the foreground. Of several processes, one works and the others
    take over."""
    logs.configure()
    metrics.enable("webhooks")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logging.getLogger(__name__).info("deliverer is running")

    def work(leader: Leader) -> bool:
        deliver(leader, stop)
        return False

    lead("webhooks", work, stop)
