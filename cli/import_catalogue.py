"""`shop import`: takes a catalogue from a CSV file into the shop."""

from collections import Counter
from itertools import islice
from pathlib import Path

import click

from models import imports
from models.core.database import transaction

SAMPLE = Path(__file__).parent / "sample_catalogue.csv"
"""72 real books, 16 clothes and 12 devices of invented brands. Titles, authors and dates of first publication are facts
(YYYY-01-01 where only the year is certain); descriptions are our own, prices and stock are made up. Apache-2.0."""
BATCH = 300  # rows in one transaction


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=SAMPLE)
@click.option("--kind", help="Of what kind the rows of a Shopify export are that do not say it themselves.")
def import_(file: Path, kind: str | None) -> None:
    """Take the products of a CSV FILE into the catalogue; without FILE, the sample that comes along.

    Our own format, or a product export of Shopify. Products are known by their SKU: new ones are created with their
    opening stock, others are brought up to date and keep the stock they have. Categories and authors are made as
    they are needed. The same file twice changes nothing. What can't be taken is printed with its line and reason;
    then the exit status is 1.
    """
    counts: Counter[str] = Counter()
    try:
        with file.open("rb") as opened:
            rows = imports.read_rows(imports.CsvFile.open(opened), kind)
            while batch := list(islice(rows, BATCH)):
                with transaction() as session:
                    done, refused = imports.import_rows(session, batch, reference="import")
                counts.update(done)
                for row in sorted(refused, key=lambda row: row.line):
                    click.echo(f"line {row.line}: {row.sku or '(no SKU)'} refused. {row.reason}")
    except imports.NotACatalogue as error:
        raise click.ClickException(f"{file}: {error.detail}") from error
    names = ("created", "updated", "unchanged", "refused")
    click.echo(", ".join(f"{counts[name]} {name}" for name in names) + f" ({file.name})")
    if counts["refused"]:
        raise SystemExit(1)
