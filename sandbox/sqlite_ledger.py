"""The SQLite file in which a sandbox keeps what the real service would."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SqliteLedger:
    """One connection to the SQLite file.

    Transactions are atomic and durable, even if the process is killed: with `synchronous = FULL`, a commit is on disk
    when it returns.
    """

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(schema)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at the end, or rolls back if an exception leaves it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A COMMIT that failed because the disk is full may already have rolled back.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
