"""`shop dispatcher`: the process that publishes what is due."""

import logging

import click

import workflows  # noqa: F401  the workflows that there are to dispatch
from durable.dispatcher import run_forever
from settings import LOG_FORMAT, settings


@click.command()
def dispatcher() -> None:
    """Run a dispatcher in the foreground: it starts what is due and restarts what was lost."""
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    run_forever()
