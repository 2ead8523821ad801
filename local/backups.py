"""Backups of the database: PostgreSQL's custom format, made and restored by its own programs."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from sqlalchemy import make_url

from models.core import schema
from models.core.database import SCHEMAS


class NotBackedUp(click.ClickException):
    """The backup could not be made or restored. The message contains what PostgreSQL's program has said."""


def back_up(url: str, file: Path) -> None:
    """Writes the database of this URL into a new file, as of one moment, while the shop is in operation.

    The file appears when it is complete, and only its owner can read it. Raises NotBackedUp.
    """
    new = file.with_name(file.name + ".new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            schemas = [f"--schema={name}" for name in SCHEMAS]
            _run(url, ["pg_dump", "--format=custom", *schemas], output=output.fileno())
        new.replace(file)
    except OSError as error:
        raise NotBackedUp(f"{error.filename or file}: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)


def check(url: str, file: Path) -> None:
    """Raises NotBackedUp unless the file is a backup of a shop that this release can read."""
    rows = _run(url, ["pg_restore", "--data-only", "--table=alembic_version", "--file=-", str(file)], connect=False)
    found = re.search(r"^COPY workflow\.alembic_version .*\n(\S+)$", rows, re.MULTILINE)
    if found is None:
        raise NotBackedUp(f"{file} is not the backup of a shop.")
    if not schema.is_known(found[1]):
        raise NotBackedUp(
            f"{file} was made by a newer release (revision {found[1]}); this release knows the schema up to"
            f" {schema.newest_revision()}."
        )


def restore(url: str, file: Path) -> None:
    """Replaces the shop's schemas in the database of this URL with those of the backup, all in one transaction.

    Raises NotBackedUp, and has then changed nothing. The schema is that of the backup: migrate afterwards.
    """
    drop = f"DROP SCHEMA IF EXISTS {', '.join(SCHEMAS)} CASCADE"
    with tempfile.TemporaryDirectory() as folder:  # mode 0700
        script = Path(folder) / "backup.sql"
        _run(url, ["pg_restore", "--no-owner", f"--file={script}", str(file)], connect=False)
        psql = ["psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
        _run(url, [*psql, f"--command={drop}", f"--file={script}"])
    _run(url, ["psql", "--no-psqlrc", "--quiet", "--command=ANALYZE"])


def _run(url: str, command: Sequence[str], *, connect: bool = True, output: int = subprocess.PIPE) -> str:
    """Runs a program of PostgreSQL for this database and returns its output. The password is in no command line."""
    target = make_url(url).set(drivername="postgresql")
    environment = {**os.environ, **({"PGPASSWORD": str(target.password)} if target.password else {})}
    where = [f"--dbname={target.set(password=None).render_as_string()}"] if connect else []
    done = subprocess.run(
        [_program(command[0]), *where, *command[1:]],
        env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NotBackedUp(said[0] if said else f"{command[0]} has ended with status {done.returncode}.")
    return (done.stdout or b"").decode(errors="replace")


def _program(name: str) -> str:
    """The path of a program: of the embedded PostgreSQL, or where that is not installed, of the machine's."""
    try:
        from local.postgres import BIN
    except ModuleNotFoundError:
        found = shutil.which(name)
    else:
        found = str(BIN / name)
    if found is None:
        raise NotBackedUp(f"{name} is not installed; install PostgreSQL's client programs.")
    return found
