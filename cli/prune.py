"""`shop prune`: deletes rows whose retention period is over, or counts them."""

import json
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cli import operator_log
from cli.progress import Progress
from cli.terminal import console
from models.core.database import transaction
from models.operations import retention, retention_rules


@click.command()
@click.argument("kinds", metavar="[KIND]...", nargs=-1, type=click.Choice(list(retention_rules.KINDS)))
@click.option("--dry-run", is_flag=True, help="Count the rows without deleting them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(kinds: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Delete rows that are older than their retention period (SHOP_KEEP_..._DAYS), of all KINDs or of those named.

    The shop also does this every hour. Rows are deleted in batches, each in a short transaction; it is safe to
    interrupt.
    """
    chosen = list(dict.fromkeys(kinds)) or list(retention_rules.KINDS)
    counts = {kind: _count(kind) for kind in chosen}
    if not dry_run:
        with transaction() as session:
            operator_log.record(session)
        counts = _delete(counts, Console(stderr=True) if as_json else console())
    if as_json:
        click.echo(json.dumps([_entry(kind, counts[kind], dry_run) for kind in chosen], indent=2))
    else:
        _print(counts, "rows to delete" if dry_run else "rows deleted")


def _count(kind: str) -> int:
    with transaction() as session:
        return retention.count(session, kind)


def _delete(due: dict[str, int], to: Console) -> dict[str, int]:
    deleted, place = dict.fromkeys(due, 0), None
    with Progress("rows", sum(due.values()), to) as progress:
        while True:
            with transaction() as session:
                portion = retention.prune(session, list(due), place)
            for kind, rows in portion.deleted.items():
                deleted[kind] += rows
            progress.advance(count=sum(portion.deleted.values()))
            place = portion.place
            if place is None:
                return deleted


def _entry(kind: str, rows: int, dry_run: bool) -> dict[str, Any]:
    rule = retention_rules.KINDS[kind]
    setting = f"SHOP_{rule.setting.upper()}" if rule.setting else None
    return {"kind": kind, "setting": setting, "days": rule.days, "would_delete" if dry_run else "deleted": rows}


def _print(counts: dict[str, int], figure: str) -> None:
    table = Table("kind", "what", "kept for", box=SIMPLE, pad_edge=False)
    table.add_column(figure, justify="right")
    for name, rows in counts.items():
        kind = retention_rules.KINDS[name]
        kept = f"{kind.days} days" if kind.setting else "not at all"
        table.add_row(name, kind.what, kept, str(rows))
    console().print(table)
