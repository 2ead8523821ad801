"""Migration of the database schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from models.core.database import transaction

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class UnknownRevision(Exception):
    """The database, or a command, names a revision of the schema that this release does not have. A sentence."""


class CannotGoBack(Exception):
    """The database has rows that an older schema does not allow. Nothing has changed. A sentence."""


def migrate() -> None:
    """Migrates the database to the current schema. Idempotent, and safe to run concurrently.

    Raises UnknownRevision if the database was migrated by a newer release.
    """
    check_revision()
    command.upgrade(_config(), "head")


def go_back(revision: str) -> None:
    """Takes back all migrations after this revision, with what they have added, or none of them.

    Raises UnknownRevision, and CannotGoBack.
    """
    check_revision()
    if revision not in _known():
        raise UnknownRevision(f"This release has no revision {revision}.")
    try:
        command.downgrade(_config(), revision)
    except IntegrityError as error:
        raise CannotGoBack(
            f"The schema of revision {revision} does not allow what the database contains: {_reason(error)}."
            " Nothing has changed. Go back to a later revision, or restore a backup."
        ) from error


def check_revision() -> None:
    """Raises UnknownRevision if the database was migrated by a newer release than this one."""
    found = current_revision()
    if found is not None and found not in _known():
        raise UnknownRevision(
            f"The database has the schema of a newer release (revision {found}); this release knows it up to"
            f' {newest_revision()}. Use the newer release, or see "Going back" in docs/operations.md.'
        )


def current_revision() -> str | None:
    """The revision of the database's schema; None before its first migration."""
    with transaction() as session:
        if session.scalar(text("SELECT to_regclass('workflow.alembic_version')")) is None:
            return None
        found: str | None = session.scalar(text("SELECT version_num FROM workflow.alembic_version"))
        return found


def is_known(revision: str) -> bool:
    """Whether this release can migrate a database of this revision."""
    return revision in _known()


def newest_revision() -> str:
    """The revision to which this release migrates."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _reason(error: IntegrityError) -> str:
    """What PostgreSQL says: which constraint of which table."""
    return str(error.orig).splitlines()[0]


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
