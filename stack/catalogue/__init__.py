"""`shop import`: takes a catalogue from a CSV file into the shop."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import click

import stack
from models import catalogue, inventory
from models.database import transaction
from models.errors import Invalid, ShopError
from stack.catalogue.rows import NotACatalogue, Refusal, Row, explained, read

SAMPLE = Path(stack.__file__).parent / "sample" / "catalogue.csv"
BATCH = 300  # rows in one transaction

Outcome = Counter[str] | Refusal
"""How many rows of a batch were created, updated and unchanged; or one that was refused."""


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=SAMPLE)
def import_(file: Path) -> None:
    """Take the products of a CSV FILE into the catalogue; without FILE, the sample that comes along.

    Products are known by their SKU: new ones are created with their opening stock, others are brought up to date
    and keep the stock they have. Categories and authors are made as they are needed. The same file twice changes
    nothing. What can't be taken is printed with its line and reason; then the exit status is 1.
    """
    counts: Counter[str] = Counter()
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for outcome in write(read(lines)):
                if isinstance(outcome, Refusal):
                    click.echo(f"line {outcome.line}: {outcome.sku or '(no SKU)'} refused. {outcome.reason}")
                    counts["refused"] += 1
                else:
                    counts += outcome
    except NotACatalogue as error:
        raise click.ClickException(f"{file}: {error}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8; what stands before that place is in.") from error
    names = ("created", "updated", "unchanged", "refused")
    click.echo(", ".join(f"{counts[name]} {name}" for name in names) + f" ({file.name})")
    if counts["refused"]:
        raise SystemExit(1)


def write(found: Iterable[Row | Refusal]) -> Iterator[Outcome]:
    """Takes the rows into the shop, a few hundred in a transaction, and says what became of them.

    A second row with the same SKU is refused. The same rows again change nothing.
    """
    rows = first_of_each_sku(found)
    while batch := list(islice(rows, BATCH)):
        yield from (row for row in batch if isinstance(row, Refusal))
        yield from _write([row for row in batch if isinstance(row, Row)])


def first_of_each_sku(found: Iterable[Row | Refusal]) -> Iterator[Row | Refusal]:
    """The rows, with those refused whose SKU has come before. The SKUs are kept on disk, however many they are."""
    with closing(sqlite3.connect("")) as seen:  # a nameless database is a temporary file
        seen.execute("CREATE TABLE seen (sku TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        for row in found:
            if isinstance(row, Row):
                new = seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (row.draft.sku, row.line)).rowcount
                if not new:
                    line = seen.execute("SELECT line FROM seen WHERE sku = ?", (row.draft.sku,)).fetchone()[0]
                    yield Refusal(row.line, row.draft.sku, f"sku: Stands on line {line} already.")
                    continue
            yield row


def _write(rows: list[Row]) -> Iterator[Outcome]:
    """Writes all rows in one transaction; where one can't be written, halves the batch until it stands alone."""
    if not rows:
        return
    try:
        yield _upsert(rows)
    except ShopError as error:
        if len(rows) == 1:
            reason = explained(error) if isinstance(error, Invalid) else error.detail
            yield Refusal(rows[0].line, rows[0].draft.sku, reason)
            return
        middle = len(rows) // 2
        yield from _write(rows[:middle])
        yield from _write(rows[middle:])


def _upsert(rows: list[Row]) -> Counter[str]:
    with transaction() as session:
        done = catalogue.upsert_products(session, [row.draft for row in rows])
        openings = [inventory.Opening(done.ids[row.draft.sku], row.stock, row.reorder_point) for row in rows]
        inventory.open_stock(session, openings, reference="import")
    return Counter(created=done.created, updated=done.updated, unchanged=done.unchanged)
