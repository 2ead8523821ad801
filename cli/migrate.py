"""`shop migrate`: migrates the database."""

import click

from models.core import schema


@click.command()
@click.option("--to", "revision", metavar="REVISION", help="Take back all migrations after this one.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before --to takes back migrations.")
@click.option(
    "--force", is_flag=True, help="Migrate although live runs need workflows that this release does not have."
)
def migrate(revision: str | None, yes: bool, force: bool) -> None:
    """Migrate the database to the current schema. Idempotent, and safe to run concurrently.

    Refuses a database of a newer release. With --to, goes back to an older release's schema, which deletes what the
    later migrations have added: make a backup before. An older release that refuses to start names its revision.
    """
    from monitoring import versions

    try:
        if revision is not None:
            if not yes:
                click.confirm(f"Take back all migrations after {revision}, with the data they have added?", abort=True)
            schema.go_back(revision)
            click.echo(f"The database schema is at revision {schema.current_revision()}.")
            return
        versions.check(force=force)
        schema.migrate()
    except (schema.UnknownRevision, schema.CannotGoBack, versions.NotThisRelease) as error:
        raise click.ClickException(str(error)) from error
    click.echo("The database schema is up to date.")
