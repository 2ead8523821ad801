"""`shop migrate`: migrates the database."""

import click

from models.core.schema import migrate as run_migrations


@click.command()
def migrate() -> None:
    """Migrate the database to the current schema. Idempotent, and safe to run concurrently."""
    run_migrations()
    click.echo("The database schema is up to date.")
