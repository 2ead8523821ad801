"""What a replay has done so far, so that one that was stopped goes on without doing anything twice."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass
class Entry:
    """One invoice and the order it became. Money in pence.

    Without `order_id`, whether the order was placed is not known; without `status`, how it ended.
    """

    invoice: str
    customer: str
    value: int
    lines: int
    units: int
    order_id: str | None = None
    task_id: str | None = None
    number: str | None = None
    total: int | None = None
    status: str | None = None
    reason: str | None = None
    seconds: float | None = None


_COLUMNS = tuple(field.name for field in fields(Entry))


class Journal:
    """One entry for each invoice, in a SQLite file; usable from several threads.

    What `keep` was given is on the disk when it returns.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS entry (invoice TEXT PRIMARY KEY, customer TEXT, value INTEGER, lines INTEGER, "
            "units INTEGER, order_id TEXT UNIQUE, task_id TEXT, number TEXT, total INTEGER, status TEXT, reason TEXT, "
            "seconds REAL)"
        )

    def find(self, invoice: str) -> Entry | None:
        return next(self._select("invoice = ?", invoice), None)

    def orders_of(self, customer: str) -> set[str]:
        """The ids of the customer's orders that are known."""
        found = self._select("customer = ? AND order_id IS NOT NULL", customer)
        return {entry.order_id for entry in found if entry.order_id}

    def entries(self) -> Iterator[Entry]:
        """All entries, in the order in which they were begun."""
        return self._select("TRUE ORDER BY rowid")

    def keep(self, entry: Entry) -> None:
        """Writes the entry, in the place of the one for the same invoice."""
        changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
        with self._lock:
            self._database.execute(
                f"INSERT INTO entry ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608
                f"ON CONFLICT (invoice) DO UPDATE SET {changes}",
                astuple(entry),
            )

    def close(self) -> None:
        self._database.close()

    def _select(self, condition: str, *values: str) -> Iterator[Entry]:
        query = f"SELECT {', '.join(_COLUMNS)} FROM entry WHERE {condition}"  # noqa: S608
        with self._lock:
            found = self._database.execute(query, values).fetchall()
        return (Entry(*row) for row in found)
