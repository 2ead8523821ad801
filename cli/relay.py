"""`shop relay`: the process that puts public events into the feed and publishes them."""

import click

from relay.running import run_forever
from telemetry import logs, metrics


@click.command()
def relay() -> None:
    """Run a relay in the foreground. It gives public events their positions in the feed, and publishes them to the
    exchange (SHOP_EVENTS_EXCHANGE). Of several relays, one works and the others take over."""
    logs.configure()
    metrics.enable("relay")
    run_forever()
