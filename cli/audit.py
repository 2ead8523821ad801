"""`shop audit`: checks the shop's invariants against the database and the payment gateway's ledger."""

import json
import sys
from dataclasses import asdict

import click
from rich.box import SIMPLE
from rich.table import Table
from sqlalchemy.exc import OperationalError

from cli.terminal import console
from models.core.errors import GatewayDown
from models.operations.audit import Finding


class Unreachable(click.ClickException):
    """The database or the gateway cannot be reached, so the invariants cannot be checked."""

    exit_code = 2


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(as_json: bool) -> None:
    """Check the shop's invariants against the database and the payment gateway's ledger.

    Orders in progress are taken into account. Amounts are in minor units. Exit status: 0 if every invariant holds,
    1 if one is broken, 2 if the database or the gateway cannot be reached.
    """
    from monitoring.invariants import check_invariants

    try:
        findings = check_invariants()
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise Unreachable(f"Cannot connect to the database; is the stack running? ({reason})") from error
    except GatewayDown as error:
        raise Unreachable(" ".join(str(error).split())) from error
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


def _print(findings: list[Finding]) -> None:
    table = Table("", "invariant", "figures", box=SIMPLE, pad_edge=False)
    for finding in findings:
        figures = ", ".join(f"{name} {value}" for name, value in finding.figures.items())
        table.add_row("[green]ok[/]" if finding.ok else "[bold red]BROKEN[/]", finding.name, figures)
        if finding.examples:
            table.add_row("", "", f"for example {', '.join(finding.examples)}")
    console().print(table)
    broken = sum(not finding.ok for finding in findings)
    console().print(
        f"{broken} of {len(findings)} invariants are broken." if broken else f"All {len(findings)} invariants hold."
    )
