"""The `shop` command: what an operator does, and how some of the programs are started."""

import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from settings import Settings
    from stack.supervision import Process

ELSEWHERE = {
    "audit": "stack.operate:audit",
    "create-admin": "stack.operate:create_admin",
    "demo": "stack.demo:demo",
    "import": "stack.catalogue:import_",
    "prune": "stack.operate:prune",
    "replay": "stack.replay:replay",
    "runs": "stack.operate:runs",
}
"""Commands with a module of their own, which is imported when the command is used."""


class LazyGroup(click.Group):
    """Imports a command when it is called for: `shop status` need not wait for what `shop demo` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, name = ELSEWHERE[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Turns what an operator can mend into one sentence; anything else is a bug and keeps its trace."""
        try:
            return super().invoke(ctx)
        except PermissionError as error:
            reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.ClickException(reason) from error
        except Exception as error:
            sqlalchemy = sys.modules.get("sqlalchemy.exc")
            if sqlalchemy and isinstance(error, sqlalchemy.OperationalError):
                reason = str(error.orig).splitlines()[0]
                raise click.ClickException(f"The database does not answer; is the stack up? ({reason})") from error
            raise


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Runs a Shopflow shop: its stack on one machine, its database, its durable workflows.

    Settings are environment variables; `shop config` lists them. The data folder is ./var or SHOP_VAR.
    """


@main.command()
def up() -> None:
    """Start the stack in the background and wait until it is ready.

    Brings the database's tables up to date as well. If the stack is up already, only its addresses are
    printed. If a part does not get ready, the end of its log is printed and everything is stopped again.
    """
    from settings import settings
    from stack import supervision
    from stack.lifecycle import up as bring_up

    if supervision.is_up(settings):
        click.echo("The stack is already up.")
    running = bring_up(lambda line: click.echo(f"  {line}"))
    _print_addresses(running)


@main.command()
def down() -> None:
    """Stop the stack and wait for it; what is in hand is ended first. Data stay."""
    from stack.lifecycle import down as bring_down

    click.echo("The stack is down." if bring_down() else "The stack was not up.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print an object for programs.")
def status(as_json: bool) -> None:
    """Show each process: name, state, pid, up since, restarts, address; and the services that do not answer.

    Exit status: 0 if all of them run, 1 if one does not, 3 if the stack is down.
    """
    from settings import settings
    from stack import supervision

    up = supervision.is_up(settings)
    processes = supervision.processes(settings) if up else []
    if as_json:
        click.echo(json.dumps({"up": up, "processes": [process.as_dict() for process in processes]}, indent=2))
    elif up:
        _print_processes(processes)
        _print_silent_services()
    else:
        click.echo("The stack is down; `shop up` starts it.")
    if not up:
        sys.exit(3)
    sys.exit(0 if all(process.state == "running" for process in processes) else 1)


@main.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", default=20, show_default=True, help="Lines of each log to begin with.")
def logs(names: tuple[str, ...], follow: bool, lines: int) -> None:
    """Show the ends of the programs' logs, of all or of those named."""
    from stack import supervision

    found = {file.stem: file for file in sorted(supervision.logs().glob("*.log"))}
    for name in names:
        if name not in found:
            raise click.ClickException(f"There is no log of {name}; there is {', '.join(found) or 'none yet'}.")
    files = [str(found[name]) for name in names or found]
    if not files:
        raise click.ClickException(f"There are no logs in {supervision.logs()} yet; `shop up` starts the stack.")
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *files])  # noqa: S606


@main.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a list for programs.")
def config(name: str | None, as_json: bool) -> None:
    """Show every setting: value, default, where it comes from, and what it is for.

    With the NAME of a setting, print that one's value as it is, secrets too.
    """
    from stack.configuration import entries, value_of

    if name:
        value = value_of(name)
        if value is None:
            raise click.ClickException(f"There is no setting {name}; `shop config` lists them.")
        click.echo(value)
    elif as_json:
        click.echo(json.dumps([entry.as_dict() for entry in entries()], indent=2, ensure_ascii=False))
    else:
        for entry in entries():
            changed = "" if entry.source == "default" else f"  ({entry.source}; default {entry.default!r})"
            click.echo(f"{entry.name}={entry.value}{changed}\n    {entry.description}")


@main.command()
def migrate() -> None:
    """Bring the database's tables up to date. Harmless when they are, or when two do it at once."""
    from stack.schema import migrate as run_migrations

    run_migrations()
    click.echo("The tables are up to date.")


@main.command()
def dispatcher() -> None:
    """Run a dispatcher in the foreground: it starts what is due and restarts what was lost."""
    import logging

    import workflows  # noqa: F401  the workflows that there are to dispatch
    from durable.dispatcher import run_forever
    from settings import settings

    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")
    run_forever()


def _print_processes(processes: "list[Process]") -> None:
    columns = ["name", "state", "pid", "up_since", "restarts", "address"]
    _print_table(columns, [[_cell(getattr(process, column)) for column in columns] for process in processes])


def _print_silent_services() -> None:
    from workflows.health import degraded

    for queue, heard in degraded().items():
        click.echo(f"{queue} does not answer; what needs it waits: {heard}")


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _print_addresses(settings: "Settings") -> None:
    from stack.programs import api_address

    api = api_address(settings)
    rows = [
        ["API", f"{api}/v1", "pages of its documentation: /docs"],
        ["Flower", f"http://127.0.0.1:{settings.flower_port}",
         f"user {settings.flower_user}, password: shop config flower_password"],
    ]  # fmt: skip
    if not settings.smtp_url:
        rows.append(
            ["mailbox", f"http://127.0.0.1:{settings.mailbox_port}", f"takes mail on port {settings.smtp_port}"]
        )
    if not settings.stripe_api_base:
        rows.append(["sandbox gateway", settings.stripe_base, ""])
    _print_table(["part", "address", ""], rows)


def _print_table(columns: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    for row in [columns, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
