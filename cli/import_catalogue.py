"""`shop import`: imports a catalogue from a CSV file."""

from collections import Counter
from itertools import islice
from pathlib import Path

import click

from models import imports
from models.core.database import transaction

SAMPLE = Path(__file__).parent / "sample_catalogue.csv"
"""72 real books, 16 clothing items and 12 devices of invented brands. Titles, authors and first publication dates are
facts (YYYY-01-01 where only the year is certain); descriptions are original, prices and stock invented. Apache-2.0."""
BATCH = 300  # rows in one transaction


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=SAMPLE)
@click.option("--kind", help="Product kind for rows of a Shopify export that do not specify one.")
def import_(file: Path, kind: str | None) -> None:
    """Import the products of a CSV FILE, by default the bundled sample catalogue.

    FILE is in the shopflow format or a Shopify product export. Products are matched by SKU: new ones are created with
    their opening stock; existing ones are updated and keep their stock. Missing categories and authors are created.
    Importing the same file again changes nothing. Rows that cannot be imported are printed with line and reason; the
    exit status is then 1.
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
