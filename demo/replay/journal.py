"""The journal of a replay, with which an interrupted replay resumes."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass
class Entry:
    """An invoice and its order. Amounts are in pence.

    `order_id` is None until the order is known to be placed; `status` is None until its checkout has ended, and
    then what that ended with: `confirmed` or `cancelled`.
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


@dataclass
class TakenBack:
    """What a cancellation has taken back of an invoice's order. `status`: that of the order, or of the return.

    `value` in the file, and `amount` that the shop has voided or refunded, in pence.
    """

    cancellation: str
    invoice: str
    value: int
    status: str
    amount: int


_COLUMNS = tuple(field.name for field in fields(Entry))


class Journal:
    """One entry per invoice, and one per order that a cancellation is about, in a SQLite file. Thread-safe.

    An entry is on disk when `keep` or `keep_taken_back` returns.
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
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS taken_back (cancellation TEXT, invoice TEXT, value INTEGER, status TEXT, "
            "amount INTEGER, PRIMARY KEY (cancellation, invoice))"
        )

    def find(self, invoice: str) -> Entry | None:
        return next(self._select("invoice = ?", invoice), None)

    def orders_of(self, customer: str) -> set[str]:
        """The ids of the customer's known orders."""
        found = self._select("customer = ? AND order_id IS NOT NULL", customer)
        return {entry.order_id for entry in found if entry.order_id}

    def entries(self) -> Iterator[Entry]:
        """All entries, oldest first."""
        return self._select("TRUE ORDER BY rowid")

    def keep(self, entry: Entry) -> None:
        """Inserts the entry, or replaces that of the same invoice."""
        changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
        with self._lock:
            self._database.execute(
                f"INSERT INTO entry ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608
                f"ON CONFLICT (invoice) DO UPDATE SET {changes}",
                astuple(entry),
            )

    def find_taken_back(self, cancellation: str, invoice: str) -> TakenBack | None:
        return next(self._select_taken_back("cancellation = ? AND invoice = ?", cancellation, invoice), None)

    def taken_back(self) -> Iterator[TakenBack]:
        """All that was taken back, oldest first."""
        return self._select_taken_back("TRUE ORDER BY rowid")

    def keep_taken_back(self, entry: TakenBack) -> None:
        """Inserts the entry."""
        with self._lock:
            self._database.execute("INSERT INTO taken_back VALUES (?, ?, ?, ?, ?)", astuple(entry))

    def close(self) -> None:
        self._database.close()

    def _select(self, condition: str, *values: str) -> Iterator[Entry]:
        query = f"SELECT {', '.join(_COLUMNS)} FROM entry WHERE {condition}"  # noqa: S608
        with self._lock:
            found = self._database.execute(query, values).fetchall()
        return (Entry(*row) for row in found)

    def _select_taken_back(self, condition: str, *values: str) -> Iterator[TakenBack]:
        query = f"SELECT cancellation, invoice, value, status, amount FROM taken_back WHERE {condition}"  # noqa: S608
        with self._lock:
            found = self._database.execute(query, values).fetchall()
        return (TakenBack(*row) for row in found)
