"""`shop migrate`: the database's tables."""

import click

from models.core.schema import migrate as run_migrations


@click.command()
def migrate() -> None:
    """Bring the database's tables up to date. Harmless when they are, or when two do it at once."""
    run_migrations()
    click.echo("The tables are up to date.")
