"""`shop dispatcher`: the process that publishes due runs."""

import click

import workflows  # noqa: F401  registers the workflows
from durable.dispatcher import run_forever
from telemetry import logs, metrics


@click.command()
def dispatcher() -> None:
    """Run a dispatcher in the foreground. It publishes runs that are due or whose message was lost."""
    logs.configure()
    metrics.enable("dispatcher")
    run_forever()
