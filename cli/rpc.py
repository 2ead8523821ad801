"""`shop rpc`: the processes that serve gRPC."""

import click

from local.die_with_parent import die_with_parent
from rpc.credentials import InvalidTls
from rpc.processes import PortTaken, run_forever
from telemetry import logs


@click.command()
def rpc() -> None:
    """Serve gRPC in the foreground, on SHOP_RPC_HOST and SHOP_RPC_PORT (docs/grpc.md). Stops gracefully on SIGTERM."""
    logs.configure()
    try:
        run_forever(die_with_parent)
    except (InvalidTls, PortTaken) as error:
        raise click.ClickException(str(error)) from error
