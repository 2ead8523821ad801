"""Whether data can be written: PostgreSQL accepts writes, and disks have space."""

import shutil

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from models.core.database import transaction
from settings import settings, var_folder

MIN_FREE = 64 * 2**20  # bytes that the disk of the data folder must have free

# PostgreSQL has no function for the free space of its disk. A sort that exceeds its memory writes about 300 kB next to
# the data, and leaves nothing behind.
_SPILL = text("SELECT count(*) FROM (SELECT n FROM generate_series(1, 20000) AS n ORDER BY md5(n::text) OFFSET 0) AS s")


def fault() -> str | None:
    """Why nothing can be written, beginning with a code: `read_only`, `no_space` or `not_writable`; or None.

    Takes some ten milliseconds, and at most two seconds.
    """
    try:
        with transaction() as session:
            session.execute(text("SET LOCAL statement_timeout = '2s'"))
            if session.scalars(text("SELECT current_setting('transaction_read_only')")).one() == "on":
                return (
                    "read_only: PostgreSQL accepts no writes: it is a standby, or default_transaction_read_only is on"
                )
            session.execute(text("SET LOCAL work_mem = '64kB'"))
            session.execute(_SPILL)
    except OperationalError as error:
        code = "no_space" if isinstance(error.orig, psycopg.errors.DiskFull) else "not_writable"
        return f"{code}: {str(error.orig).splitlines()[0]}"
    except NoConnectionFree:
        return "not_writable: no connection is free"
    return None if settings.database_url else _data_folder()


def _data_folder() -> str | None:
    """The embedded PostgreSQL is on this machine; so are the logs, without which nothing can be said."""
    free = shutil.disk_usage(var_folder()).free
    return f"no_space: the disk of the data folder has {free // 2**20} MiB left" if free < MIN_FREE else None
