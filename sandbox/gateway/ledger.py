"""The sandbox gateway's ledger: intents, charges, refunds, stored responses and events, in one SQLite file."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

from sandbox.gateway.errors import Answer, key_reused
from sandbox.sqlite_ledger import SqliteLedger

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, intent TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_by_intent ON object (intent, kind, seq);
CREATE INDEX IF NOT EXISTS object_by_kind ON object (kind, seq);
CREATE TABLE IF NOT EXISTS operation (
    seq INTEGER PRIMARY KEY, intent TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    status TEXT NOT NULL, idempotency_key TEXT, created REAL NOT NULL);
CREATE INDEX IF NOT EXISTS operation_by_intent ON operation (intent, seq);
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, endpoint TEXT NOT NULL, params TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL, delivered_at REAL);
CREATE INDEX IF NOT EXISTS event_due ON event (due) WHERE delivered_at IS NULL;
CREATE TABLE IF NOT EXISTS later (id TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID;
"""


def new_id(prefix: str) -> str:
    return f"{prefix}_{token_hex(12)}"


class Ledger(SqliteLedger):
    """The payments of the sandbox gateway, its stored responses and events."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA)

    def answer_once(
        self, key: str | None, endpoint: str, params: dict[str, Any], work: Callable[[], Answer]
    ) -> tuple[Answer, bool]:
        """Calls `work` and stores its response under the idempotency key, in one transaction.

        If the key is known, returns the stored response instead; the second value is then True. Raises Refused and
        stores nothing if the key was used with another endpoint or other parameters, or if `work` raises it.
        """
        normalised = json.dumps(params, sort_keys=True)
        with self.transaction():
            if key and (found := self._db.execute("SELECT * FROM answer WHERE key = ?", (key,)).fetchone()):
                if found["endpoint"] != endpoint:
                    raise key_reused(key, f"for the same endpoint ('{endpoint}' vs '{found['endpoint']}')")
                if found["params"] != normalised:
                    raise key_reused(key, "with the same parameters")
                return Answer(found["status"], json.loads(found["body"])), True
            answer = work()
            if key:
                self._db.execute(
                    "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)",
                    (key, endpoint, normalised, answer.status, json.dumps(answer.body), time.time()),
                )
        return answer, False

    def add(self, thing: dict[str, Any], intent: str) -> None:
        """Inserts an intent, charge, refund or dispute. `intent`: id of the intent to which it belongs."""
        self._db.execute(
            "INSERT INTO object (id, kind, intent, created, body) VALUES (?, ?, ?, ?, ?)",
            (thing["id"], thing["object"], intent, thing["created"], json.dumps(thing)),
        )

    def save(self, thing: dict[str, Any]) -> None:
        """Updates an object."""
        self._db.execute("UPDATE object SET body = ? WHERE id = ?", (json.dumps(thing), thing["id"]))

    def find(self, kind: str, identifier: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT body FROM object WHERE id = ? AND kind = ?", (identifier, kind)).fetchone()
        return json.loads(row["body"]) if row else None

    def newest(
        self,
        kind: str,
        limit: int,
        *,
        after: str | None = None,
        since: int = 0,
        until: int | None = None,
        intent: str | None = None,
    ) -> list[dict[str, Any]]:
        """Objects of a kind, newest first, starting after the one with the id `after`."""
        rows = self._db.execute(
            "SELECT body FROM object WHERE kind = :kind AND created >= :since"
            " AND (:until IS NULL OR created < :until) AND (:intent IS NULL OR intent = :intent)"
            " AND (:after IS NULL OR seq < (SELECT seq FROM object WHERE id = :after))"
            " ORDER BY seq DESC LIMIT :limit",
            {"kind": kind, "since": since, "until": until, "intent": intent, "after": after, "limit": limit},
        )
        return [json.loads(row["body"]) for row in rows]

    def note(self, intent: str, kind: str, amount: int, status: str, key: str | None) -> None:
        """Records an operation on an intent: `authorise`, `capture`, `cancel`, `lapse`, `dispute`,
        `refund`, `refund_succeeded` or `refund_failed`."""
        self._db.execute(
            "INSERT INTO operation (intent, kind, amount, status, idempotency_key, created) VALUES (?, ?, ?, ?, ?, ?)",
            (intent, kind, amount, status, key, time.time()),
        )

    def emit(self, kind: str, thing: dict[str, Any], key: str | None) -> None:
        """Writes an event to the outbox, from which webhooks are delivered."""
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": None,
            "created": int(time.time()),
            "data": {"object": thing},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": key},
            "type": kind,
        }
        self._db.execute(
            "INSERT INTO event (id, body, due) VALUES (?, ?, ?)",
            (event["id"], json.dumps(event), time.time()),
        )

    def do_later(self, identifier: str) -> None:
        """Notes that something is to happen to an object by itself; see `later`."""
        self._db.execute("INSERT INTO later VALUES (?, ?)", (identifier, time.time()))

    def due_later(self, seconds: float) -> list[str]:
        """The ids of the objects that were noted at least so many seconds ago."""
        rows = self._db.execute("SELECT id FROM later WHERE since <= ? ORDER BY since", (time.time() - seconds,))
        return [row["id"] for row in rows.fetchall()]

    def mark_done(self, identifier: str) -> None:
        self._db.execute("DELETE FROM later WHERE id = ?", (identifier,))

    def events(self) -> list[dict[str, Any]]:
        """Every event, oldest first, whether it was delivered or not."""
        return [json.loads(row["body"]) for row in self._db.execute("SELECT body FROM event ORDER BY seq")]

    def due_events(self, limit: int, attempts: int) -> list[sqlite3.Row]:
        """Events due for delivery, oldest first, except those with `attempts` failed attempts."""
        return self._db.execute(
            "SELECT seq, id, body, attempts FROM event"
            " WHERE delivered_at IS NULL AND due <= ? AND attempts < ? ORDER BY due, seq LIMIT ?",
            (time.time(), attempts, limit),
        ).fetchall()

    def mark_delivered(self, seq: int) -> None:
        self._db.execute("UPDATE event SET delivered_at = ?, attempts = attempts + 1 WHERE seq = ?", (time.time(), seq))

    def postpone(self, seq: int, seconds: float) -> None:
        """Counts a failed delivery and schedules the next attempt in `seconds`."""
        self._db.execute(
            "UPDATE event SET due = ?, attempts = attempts + 1 WHERE seq = ?", (time.time() + seconds, seq)
        )

    def all(self) -> list[dict[str, Any]]:
        """Every intent with its operations, oldest first. The shop's audit compares its payments with it."""
        operations: dict[str, list[dict[str, Any]]] = {}
        for row in self._db.execute("SELECT * FROM operation ORDER BY seq"):
            done = dict(row)
            del done["seq"]
            operations.setdefault(done.pop("intent"), []).append(done)
        fields = (
            "id", "amount", "amount_capturable", "amount_received", "currency", "status", "cancellation_reason",
            "metadata", "created",
        )  # fmt: skip
        intents = self._db.execute("SELECT body FROM object WHERE kind = 'payment_intent' ORDER BY seq")
        return [
            {field: intent[field] for field in fields} | {"operations": operations.get(intent["id"], [])}
            for intent in (json.loads(row["body"]) for row in intents)
        ]
