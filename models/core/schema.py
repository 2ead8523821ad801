"""The database's tables: brings them to the state that this version of the code needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def migrate() -> None:
    """Runs the migrations that the database has not had yet. Safe to repeat, and for two processes at once."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, "head")
