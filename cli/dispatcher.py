"""`shop dispatcher`: the process that publishes due runs."""

import logging

import click

import workflows  # noqa: F401  registers the workflows
from durable.dispatcher import run_forever
from settings import LOG_FORMAT, settings


@click.command()
def dispatcher() -> None:
    """Run a dispatcher in the foreground. It publishes runs that are due or whose message was lost."""
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    run_forever()
