"""The database's tables: brings them to the state that this version of the code needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config

import settings as settings_module


def migrate() -> None:
    """Runs the migrations that the database has not had yet. Harmless when there are none, or when two run at once."""
    command.upgrade(Config(toml_file=Path(settings_module.__file__).parent / "pyproject.toml"), "head")
