"""`shop metrics`: the process that shows metrics to Prometheus."""

import click

import workflows  # noqa: F401  configures the engine, whose queues are measured
from monitoring.exporter import run_forever
from telemetry import logs


@click.command()
def metrics() -> None:
    """Run the exporter in the foreground: `/metrics` for Prometheus on SHOP_METRICS_HOST and SHOP_METRICS_PORT. One per
    machine; it shows what all processes of the machine count, and what the database and the broker know."""
    logs.configure()
    run_forever()
