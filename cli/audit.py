"""`shop audit`: checks the shop's invariants against the database and the payment gateway's ledger."""

import json
import re
import sys
from dataclasses import asdict

import click
from rich.box import SIMPLE
from rich.table import Table
from sqlalchemy.exc import OperationalError

from cli.terminal import console
from models.core import audit_chain
from models.core.database import transaction
from models.core.errors import GatewayDown
from models.operations import audit_log
from models.operations.audit import Finding
from telemetry import metrics


class Entry(click.ParamType[str]):
    """An entry of the audit log: its number, a colon, and at least 16 hex digits of its code."""

    name = "entry"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[1-9]\d{0,17}:[0-9a-f]{16,64}", value):
            self.fail(f"{value!r} is not an entry such as `shop audit` prints: 42:9f86d081884c7d65…", param, ctx)
        return value


class Unreachable(click.ClickException):
    """The database or the gateway cannot be reached, so the invariants cannot be checked."""

    exit_code = 2


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--entry",
    type=Entry(),
    metavar="NUMBER:CODE",
    help="Also check that this entry, which an earlier audit printed, is still in the audit log.",
)
def audit(as_json: bool, entry: str | None) -> None:
    """Check the shop's invariants against the database and the payment gateway's ledger.

    Orders in progress are taken into account. Amounts are in minor units. Exit status: 0 if every invariant holds,
    1 if one is broken, 2 if the database or the gateway cannot be reached.
    """
    from monitoring.invariants import check_invariants

    metrics.enable("audit")
    try:
        findings = check_invariants()
        with transaction() as session:
            last = audit_chain.last_entry(session)
            is_missing = entry is not None and not audit_log.has_entry(session, entry)
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise Unreachable(f"Cannot connect to the database; is the stack running? ({reason})") from error
    except GatewayDown as error:
        raise Unreachable(" ".join(str(error).split())) from error
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings, last)
    if is_missing:
        click.echo(f"The audit log has no entry {entry}: it was deleted or changed.", err=True)
    sys.exit(0 if all(finding.ok for finding in findings) and not is_missing else 1)


def _print(findings: list[Finding], last_entry: str | None) -> None:
    table = Table("", "invariant", "figures", box=SIMPLE, pad_edge=False)
    for finding in findings:
        figures = ", ".join(f"{name} {value}" for name, value in finding.figures.items())
        table.add_row("[green]ok[/]" if finding.ok else "[bold red]BROKEN[/]", finding.name, figures)
        if finding.examples:
            table.add_row("", "", f"for example {', '.join(finding.examples)}")
    console().print(table)
    if last_entry:
        console().print(f"The audit log ends with entry {last_entry}.\nKeep it elsewhere; --entry checks it later.\n")
    broken = sum(not finding.ok for finding in findings)
    console().print(
        f"{broken} of {len(findings)} invariants are broken." if broken else f"All {len(findings)} invariants hold."
    )
