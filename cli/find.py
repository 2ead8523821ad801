"""`shop find`: everything about what a customer or a provider can name, as one timeline."""

import json
import sys
from datetime import UTC

import click
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from cli.terminal import console
from models.core.database import transaction
from models.operations.finding import Found


@click.command()
@click.argument("what", metavar="E-MAIL|NUMBER|INVOICE|REFERENCE|TRACKING|REQUEST-ID|ID")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Maximum number of lines."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def find(what: str, limit: int, as_json: bool) -> None:
    """Show customer, orders, payments, parcels, runs and mails as one timeline, newest last.

    Takes what somebody on the phone, a payment provider or a log can name: an e-mail address, the number of an order or
    an invoice, a payment's reference (pi_…), a tracking number, the X-Request-Id of an answer, a customer's name, an
    id of the shop (ord_…, run_…), or the custom id of a payment at PayPal. People appear by their ids. Exit status 1 if
    nothing is found.

    \b
    shop find ada@example.org
    shop find 100042
    shop find pi_3NfZQ2
    """
    from models.operations import finding

    with transaction() as session:
        found = finding.find(session, what, limit)
    if as_json:
        click.echo(json.dumps(_as_dict(found), indent=2))
    elif found.entries:
        _print(found)
    else:
        click.echo(f"Nothing is known of {what!r}: no customer, order, invoice, payment, parcel, request or run.")
    sys.exit(0 if found.entries else 1)


def _print(found: Found) -> None:
    table = Table("at", "", "id", "what", box=SIMPLE, pad_edge=False)
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for entry in found.entries:
        at = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        table.add_row(at, entry.kind, entry.id, escape(entry.what))
    console().print(table)
    if found.is_cut:
        click.echo("There is more, which is older. Name a single order, or raise --limit.")


def _as_dict(found: Found) -> dict[str, object]:
    entries = [
        {"at": entry.at.astimezone(UTC).isoformat(), "kind": entry.kind, "id": entry.id, "what": entry.what}
        for entry in found.entries
    ]
    return {
        "customers": found.customers, "orders": found.orders, "runs": found.runs, "is_cut": found.is_cut,
        "entries": entries,
    }  # fmt: skip
