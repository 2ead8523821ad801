"""`shop dispatcher`: the process that publishes due runs."""

import logging

import click

import workflows  # noqa: F401  registers the workflows
from durable.dispatcher import run_forever
from settings import settings


@click.command()
def dispatcher() -> None:
    """Run a dispatcher in the foreground. It publishes runs that are due or whose message was lost."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")
    run_forever()
