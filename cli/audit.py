"""`shop audit`: checks the shop's invariants against the database and the payment gateway's ledger."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError

from cli.terminal import console
from models.core import audit_chain
from models.core.database import transaction
from models.operations import audit_log
from models.operations.audit import EXAMPLES, Finding
from telemetry import metrics

UNCHECKED = 3  # the exit status when the gateway's part was not checked


class Entry(click.ParamType[str]):
    """An entry of the audit log: its number, a colon, and at least 16 hex digits of its code."""

    name = "entry"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[1-9]\d{0,17}:[0-9a-f]{16,64}", value):
            self.fail(f"{value!r} is not an entry such as `shop audit` prints: 42:9f86d081884c7d65…", param, ctx)
        return value


class Unreachable(click.ClickException):
    """The database cannot be reached, so the invariants cannot be checked."""

    exit_code = 2


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--entry",
    type=Entry(),
    metavar="NUMBER:CODE",
    help="Also check that this entry, which an earlier audit printed, is still in the audit log.",
)
@click.option("--all", "name_all", is_flag=True, help="Name all that is wrong, not only the first five of each.")
@click.option("--act", "may_act", is_flag=True, help="Ask for each difference with the gateway whether to repair it.")
def audit(as_json: bool, entry: str | None, name_all: bool, may_act: bool) -> None:
    """Check the shop's invariants against the database and the payment gateway's ledger.

    Orders in progress are taken into account. Amounts are in minor units. While a payment gateway does not respond, the
    shop's own books are checked alone, and the invariants that were not checked are listed.

    With --act, asks for each payment that the gateway holds without an order whether to void or refund it, and for each
    that differs whether to adopt its refunds and disputes from the gateway. Nothing is done without a yes.

    Exit status: 0 if every invariant holds, 1 if one is broken, 2 if the database cannot be reached, 3 if every
    invariant holds that could be checked, without the gateway or the store of pictures.
    """
    if may_act and as_json:
        raise click.UsageError("--act asks questions; it cannot be used with --json.")
    metrics.enable("audit")
    from monitoring import invariants  # after `enable`, which says where its metrics are

    try:
        checked = invariants.check_what_is_possible(examples=None if name_all or may_act else EXAMPLES)
        with transaction() as session:
            last = audit_chain.last_entry(session)
            is_missing = entry is not None and not audit_log.has_entry(session, entry)
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise Unreachable(f"Cannot connect to the database; is the stack running? ({reason})") from error
    findings, unchecked = checked.findings, checked.unchecked
    if as_json:
        skipped: list[dict[str, object]] = [
            {"name": name, "ok": None, "figures": {}, "examples": [], "count": 0} for name in unchecked
        ]
        click.echo(json.dumps([*map(asdict, findings), *skipped], indent=2))
    else:
        _print(findings, unchecked, last)
    if unchecked:
        away = f"{len(unchecked)} invariants were not checked: {checked.silent}"
        click.echo(away, err=True)
    if is_missing:
        click.echo(f"The audit log has no entry {entry}: it was deleted or changed.", err=True)
    if may_act:
        import workflows  # noqa: F401, late: it imports Celery; refunds are workflows
        from cli import audit_actions

        audit_actions.act(findings)
    holds = checked.holds and not is_missing
    sys.exit(1 if not holds else UNCHECKED if unchecked else 0)


def _print(findings: Sequence[Finding], unchecked: Sequence[str], last_entry: str | None) -> None:
    table = Table("", "invariant", "figures", box=SIMPLE, pad_edge=False)
    for finding in findings:
        figures = ", ".join(f"{name} {value}" for name, value in finding.figures.items())
        table.add_row("[green]ok[/]" if finding.ok else "[bold red]BROKEN[/]", finding.name, figures)
        if finding.examples:
            table.add_row("", "", _name(finding))
    for name in unchecked:
        table.add_row("[yellow]not checked[/]", name, "")
    console().print(table)
    if last_entry:
        console().print(f"The audit log ends with entry {last_entry}.\nKeep it elsewhere; --entry checks it later.\n")
    broken = sum(not finding.ok for finding in findings)
    what = f"{len(findings)} invariants" + (" that were checked" if unchecked else "")
    console().print(f"{broken} of {what} are broken." if broken else f"All {what} hold.")


def _name(finding: Finding) -> str:
    listed = escape(", ".join(finding.examples))
    if finding.count > len(finding.examples):
        return f"the first {len(finding.examples)} of {finding.count} (--all names all): {listed}"
    return f"all {finding.count}: {listed}" if finding.count > 1 else listed
