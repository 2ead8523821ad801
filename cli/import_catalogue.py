"""`shop import`: imports a catalogue from a CSV file."""

import time
from hashlib import file_digest
from pathlib import Path

import click

from models import imports
from models.core.database import transaction
from models.core.errors import ShopError

SAMPLE = Path(__file__).parent / "sample_catalogue.csv"
"""72 real books, 16 clothing items and 12 devices of invented brands. Titles, authors and first publication dates are
facts (YYYY-01-01 where only the year is certain); descriptions are original, prices and stock invented. Apache-2.0."""
PAUSE = 0.1  # seconds between two looks at the import
HINT_AFTER = 15.0  # seconds without any progress
PAGE = 1000  # refused rows


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=SAMPLE)
@click.option("--kind", help="Product kind for rows of a Shopify export that do not specify one.")
def import_(file: Path, kind: str | None) -> None:
    """Import the products of a CSV FILE, by default the bundled sample catalogue.

    FILE is in the shopflow format or a Shopify product export. The shop's workers import it, as if it had been sent to
    the API, and this command waits for the end. Products are matched by SKU: new ones are created with their opening
    stock; existing ones are updated and keep their stock. Missing categories and authors are created. Importing the
    same file again changes nothing. Rows that cannot be imported are printed with line and reason; the exit status is
    then 1.
    """
    import workflows  # noqa: F401, its after-commit hook publishes the run

    try:
        with file.open("rb") as opened:
            sha256 = file_digest(opened, "sha256").hexdigest()
            opened.seek(0)
            with transaction() as session:
                import_id = imports.start_import(
                    session, None, opened, sha256=sha256, file_name=file.name[:255], default_kind=kind
                ).id
    except ShopError as error:
        raise click.ClickException(f"{file}: {error.detail}") from error
    made = _wait_for_end(import_id)
    _print_refusals(import_id)
    names = ("created", "updated", "unchanged", "refused")
    counts = ", ".join(f"{getattr(made, name)} {name}" for name in names)
    if made.error is not None:
        raise click.ClickException(f"{file}: {made.error['detail']} ({counts}, {made.dropped} not imported)")
    click.echo(f"{counts} ({file.name})")
    if not_taken := imports.list_columns_not_taken(made):
        columns = ", ".join(f"{found['column']} ({found['rows']} rows)" for found in not_taken)
        click.echo(f"Columns that were not taken: {columns}.")
    if made.refused:
        raise SystemExit(1)


def _wait_for_end(import_id: str) -> imports.Import:
    since, hinted = time.monotonic(), False
    while True:
        with transaction() as session:
            made = imports.get(session, import_id)
        if made.finished_at is not None:
            return made
        if not hinted and not made.chunks and time.monotonic() - since > HINT_AFTER:
            click.echo("No worker has begun the import yet. It will be imported once the shop is running.", err=True)
            hinted = True
        time.sleep(PAUSE)


def _print_refusals(import_id: str) -> None:
    line = 0
    while True:
        with transaction() as session:
            refused = imports.list_refusals(session, import_id, line, PAGE)
        if not refused:
            return
        for row in refused:
            click.echo(f"line {row.line}: {row.sku or '(no SKU)'} refused. {row.reason}")
        line = refused[-1].line
