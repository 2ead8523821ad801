"""The sandbox PayPal's book: orders, kept answers, tokens and events, in one SQLite file."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from secrets import choice, token_hex, token_urlsafe
from string import ascii_uppercase, digits
from typing import Any

from sandbox.paypal.answers import Answer, unprocessable
from sandbox.sqlite_ledger import SqliteLedger

SCHEMA = """
CREATE TABLE IF NOT EXISTS paypal_order (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, invoice TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS order_by_invoice ON paypal_order (invoice);
CREATE TABLE IF NOT EXISTS part (id TEXT PRIMARY KEY, kind TEXT NOT NULL, order_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS operation (
    seq INTEGER PRIMARY KEY, order_id TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    status TEXT NOT NULL, request_id TEXT, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS answer (
    endpoint TEXT NOT NULL, request_id TEXT NOT NULL, params TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, order_id TEXT, kept_until REAL NOT NULL, PRIMARY KEY (endpoint, request_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token (token TEXT PRIMARY KEY, issued REAL NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, transmission_id TEXT NOT NULL, body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL, due REAL NOT NULL, delivered_at REAL);
CREATE INDEX IF NOT EXISTS event_due ON event (due) WHERE delivered_at IS NULL;
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
TWICE, LATE = 5, 3  # every fifth event is delivered twice; every third comes after those that follow it
HELD_BACK = 0.5


def new_id() -> str:
    """An id as PayPal makes them: 17 capital letters and digits."""
    return "".join(choice(ascii_uppercase + digits) for _ in range(17))


class Ledger(SqliteLedger):
    """The orders of the sandbox PayPal, its stored responses, tokens and events."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO secret VALUES ('webhooks', ?)", (token_hex(32),))
        self.signing_key: str = self._db.execute("SELECT value FROM secret").fetchone()["value"]

    def answer_once(
        self, endpoint: str, request_id: str | None, given: Any, keep: float, work: Callable[[], tuple[Answer, str]]
    ) -> Answer:
        """Does the work, which also names its order, and keeps the answer for `keep` seconds under its request id.

        Repeats the kept answer, with 200 for 201. Raises Refused if the id came with another request before.
        """
        params = json.dumps(given, sort_keys=True)
        where = (endpoint, request_id)
        with self.transaction():
            self._db.execute("DELETE FROM answer WHERE kept_until < ?", (time.time(),))
            kept = self._db.execute("SELECT * FROM answer WHERE endpoint = ? AND request_id = ?", where).fetchone()
            if kept:
                if kept["params"] != params:
                    raise unprocessable("PAYPAL_REQUEST_ID_PREVIOUSLY_USED", "The id was used for another request.")
                return Answer(200 if kept["status"] == 201 else kept["status"], json.loads(kept["body"]))
            answer, order_id = work()
            if request_id:
                row = (*where, params, answer.status, json.dumps(answer.body), order_id, time.time() + keep)
                self._db.execute("INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return answer

    def forget_sooner(self, order_id: str, seconds: float) -> None:
        """Makes the kept answers about an order older."""
        self._db.execute("UPDATE answer SET kept_until = kept_until - ? WHERE order_id = ?", (seconds, order_id))

    def add(self, order: dict[str, Any]) -> None:
        invoice = order["purchase_units"][0].get("invoice_id")
        row = (order["id"], invoice, json.dumps(order))
        self._db.execute("INSERT INTO paypal_order (id, invoice, body) VALUES (?, ?, ?)", row)

    def save(self, order: dict[str, Any]) -> None:
        invoice = order["purchase_units"][0].get("invoice_id")
        row = (invoice, json.dumps(order), order["id"])
        self._db.execute("UPDATE paypal_order SET invoice = ?, body = ? WHERE id = ?", row)

    def find(self, order_id: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT body FROM paypal_order WHERE id = ?", (order_id,)).fetchone()
        return json.loads(row["body"]) if row else None

    def orders(self, invoice: str | None = None) -> list[dict[str, Any]]:
        """Orders, oldest first: all, or those with an invoice id."""
        query = "SELECT body FROM paypal_order WHERE ?1 IS NULL OR invoice = ?1 ORDER BY seq"
        return [json.loads(row["body"]) for row in self._db.execute(query, (invoice,))]

    def name(self, identifier: str, kind: str, order_id: str) -> None:
        """Remembers to which order an authorisation, a capture or a refund belongs."""
        self._db.execute("INSERT INTO part VALUES (?, ?, ?)", (identifier, kind, order_id))

    def order_of(self, identifier: str, kind: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT order_id FROM part WHERE id = ? AND kind = ?", (identifier, kind)).fetchone()
        return self.find(row["order_id"]) if row else None

    def note(self, order_id: str, kind: str, amount: int, status: str, request_id: str | None) -> None:
        """Books what was done: `approve`, `authorise`, `capture`, `void`, `lapse` or `refund`."""
        self._db.execute(
            "INSERT INTO operation (order_id, kind, amount, status, request_id, created) VALUES (?, ?, ?, ?, ?, ?)",
            (order_id, kind, amount, status, request_id, time.time()),
        )

    def operations(self) -> dict[str, list[dict[str, Any]]]:
        """Order id → what was done to it, oldest first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self._db.execute("SELECT * FROM operation ORDER BY seq"):
            done = dict(row)
            del done["seq"]
            found.setdefault(done.pop("order_id"), []).append(done)
        return found

    def issue_token(self, lifetime: float, a_minute: int) -> str | None:
        """A new token; None if there were too many within the last minute."""
        now = time.time()
        with self.transaction():
            self._db.execute("DELETE FROM token WHERE expires < ? AND issued < ?", (now, now - 60))
            recent = self._db.execute("SELECT count(*) FROM token WHERE issued > ?", (now - 60,)).fetchone()[0]
            if recent >= a_minute:
                return None
            token = "A21AA" + token_urlsafe(60)
            self._db.execute("INSERT INTO token VALUES (?, ?, ?)", (token, now, now + lifetime))
        return token

    def knows_token(self, token: str) -> bool:
        query = "SELECT 1 FROM token WHERE token = ? AND expires > ?"
        return self._db.execute(query, (token, time.time())).fetchone() is not None

    def expire_tokens(self) -> None:
        self._db.execute("UPDATE token SET expires = 0")

    def emit(self, event: dict[str, Any]) -> None:
        """Puts an event into the outbox, from which the webhooks are delivered."""
        count = self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM event").fetchone()[0]
        due = time.time() + (HELD_BACK if count % LATE == 0 else 0)
        self._db.execute(
            "INSERT INTO event (seq, id, transmission_id, body, repeats, due) VALUES (?, ?, ?, ?, ?, ?)",
            (count, event["id"], token_hex(16), json.dumps(event), 1 if count % TWICE == 0 else 0, due),
        )

    def due_events(self, limit: int, attempts: int) -> list[sqlite3.Row]:
        """Events whose turn it is, without those that were tried so many times."""
        return self._db.execute(
            "SELECT * FROM event WHERE delivered_at IS NULL AND due <= ? AND attempts < ? ORDER BY due, seq LIMIT ?",
            (time.time(), attempts, limit),
        ).fetchall()

    def delivered(self, event: sqlite3.Row) -> None:
        """Notes that it has arrived; what is to come twice is put back once."""
        now = time.time()
        if event["repeats"]:
            again = "UPDATE event SET repeats = 0, due = ?, attempts = 0 WHERE seq = ?"
            self._db.execute(again, (now + HELD_BACK, event["seq"]))
        else:
            self._db.execute("UPDATE event SET delivered_at = ? WHERE seq = ?", (now, event["seq"]))

    def postpone(self, seq: int, seconds: float) -> None:
        change = "UPDATE event SET due = ?, attempts = attempts + 1 WHERE seq = ?"
        self._db.execute(change, (time.time() + seconds, seq))
