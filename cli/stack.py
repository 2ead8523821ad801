"""`shop up`, `down`, `status` and `logs`: the stack on one machine."""

import json
import os
import shutil
import sys
from pathlib import Path

import click

from local import supervision
from local.lifecycle import down as bring_down
from local.lifecycle import restart as restart_process
from local.lifecycle import up as bring_up
from local.supervision import ProcessStatus
from settings import Settings, settings


@click.command()
@click.option("--force", is_flag=True, help="Start although live runs need workflows that this release does not have.")
def up(force: bool) -> None:
    """Start the stack in the background and wait until it is ready.

    Also migrates the database; refuses one of a newer release. If the stack is already running, prints its addresses.
    If a process does not get ready, prints the end of its log and stops everything. If interrupted, stops what it has
    started.
    """
    if supervision.is_complete(settings):
        click.echo("The stack is already running.")
    running = bring_up(lambda line: click.echo(f"  {line}"), force=force)
    _print_addresses(running)


@click.command()
def down() -> None:
    """Stop the stack gracefully and wait for it. Data is kept."""
    click.echo("The stack is stopped." if bring_down() else "The stack was not running.")


@click.command()
@click.argument("name")
def restart(name: str) -> None:
    """Restart one process of the stack and wait until it is ready. NAME is that of `shop status`.

    It finishes its current work first: a worker its steps, the API its requests.
    """
    restart_process(name)
    click.echo(f"{name} is ready.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show each process: name, state, pid, start time, restarts, address. Lists external services that do not respond.

    Exit status: 0 if all processes run, 1 if one does not, 3 if the stack is not running.
    """
    up = supervision.is_up(settings)
    processes = supervision.statuses(settings) if up else []
    if as_json:
        click.echo(json.dumps({"up": up, "processes": [process.as_dict() for process in processes]}, indent=2))
    elif up:
        _print_processes(processes)
        _print_silent_services()
    else:
        click.echo("The stack is not running; start it with `shop up`.")
    if not up:
        sys.exit(3)
    sys.exit(0 if all(process.state == "running" for process in processes) else 1)


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Follow the logs.")
@click.option("-n", "--lines", default=20, show_default=True, help="Lines to show of each log.")
def logs(names: tuple[str, ...], follow: bool, lines: int) -> None:
    """Show the end of the logs of all processes, or of those named."""
    found = {file.stem: file for file in sorted(supervision.logs().glob("*.log"))}
    for name in names:
        if name not in found:
            raise click.ClickException(f"No log of {name}. Available: {', '.join(found) or 'none'}.")
    files = [str(found[name]) for name in names or found]
    if not files:
        raise click.ClickException(f"No logs in {supervision.logs()}. Start the stack with `shop up`.")
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *files])  # noqa: S606


def _print_processes(processes: list[ProcessStatus]) -> None:
    columns = ["name", "state", "pid", "up_since", "restarts", "address"]
    _print_table(columns, [[_cell(getattr(process, column)) for column in columns] for process in processes])


def _print_silent_services() -> None:
    from monitoring.health import degraded

    for queue, heard in degraded().items():
        click.echo(f"{queue} does not respond; steps that need it wait: {heard}")


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def command() -> str:
    """How to call `shop` in this folder: by its path, unless it is on PATH."""
    program = Path(sys.executable).with_name("shop")
    found = shutil.which("shop")
    return "shop" if found and Path(found).resolve() == program.resolve() else os.path.relpath(program)


def _print_addresses(settings: Settings) -> None:
    api = settings.api_local
    rows = [
        ["shop", f"{api}/", "for customers"],
        ["desk", f"{api}/desk/", f"for staff: sign in as an administrator ({command()} create-admin)"],
        ["console", f"{api}/ops/", "for operators: sign in as an administrator"],
        ["API", f"{api}/v1", "documentation: /docs"],
        ["Flower", f"http://127.0.0.1:{settings.flower_port}",
         f"user {settings.flower_user}, password: {command()} config flower_password"],
    ]  # fmt: skip
    rows.append(["gRPC", settings.rpc_local, "calls: docs/grpc.md"])
    rows.append(["metrics", f"http://127.0.0.1:{settings.metrics_port}/metrics", "for Prometheus"])
    if not settings.smtp_url:
        rows.append(["mailbox", f"http://127.0.0.1:{settings.mailbox_port}", f"SMTP on port {settings.smtp_port}"])
    if not settings.stripe_api_base:
        rows.append(["sandbox gateway", settings.stripe_base, ""])
    if not settings.carrier_api_base:
        rows.append(["sandbox carrier", f"http://127.0.0.1:{settings.carrier_port}", "parcels: /"])
    if not settings.paypal_base:
        rows.append(["sandbox PayPal", settings.paypal_url, ""])
    _print_table(["part", "address", ""], rows)


def _print_table(columns: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    for row in [columns, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
