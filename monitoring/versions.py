"""What has to be true before other code than before takes over a shop's database."""

from sqlalchemy import text

from models.core.database import transaction
from models.core.schema import UnknownRevision, check_revision

_HAS_VERSIONS = text("""
    SELECT 1 FROM information_schema.columns
    WHERE table_schema = 'workflow' AND table_name = 'run' AND column_name = 'version'
""")


class NotThisRelease(Exception):
    """This code cannot take over the database. A sentence that says why, and what to do."""


def check(*, force: bool) -> None:
    """Raises NotThisRelease if the database is a newer release's, or, unless `force`, if live runs need code that this
    release does not have: they would be stuck."""
    try:
        check_revision()
    except UnknownRevision as error:
        raise NotThisRelease(str(error)) from error
    needed = list_needed()
    if needed and not force:
        raise NotThisRelease(
            f"Live runs need what this release does not have: {', '.join(needed)}. They would be stuck. Let them end in"
            " the other release, or cancel them there (`shop runs cancel --workflow NAME`); --force goes on regardless."
        )


def list_needed() -> list[str]:
    """The workflows and versions that live runs need and this release does not declare.

    Empty in an empty database, and with a schema older than 0.1.0, whose runs have no version.
    """
    import workflows  # noqa: F401, late: it imports Celery
    from durable import queries

    with transaction() as session:
        if session.scalar(_HAS_VERSIONS) is None:
            return []
        found = queries.count_undeclared(session)
    return [f"{name} version {version} ({count} {'run' if count == 1 else 'runs'})" for name, version, count in found]
