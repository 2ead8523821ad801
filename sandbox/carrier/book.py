"""The sandbox carrier's book: every shipment, tracker and event, in one SQLite file."""

import json
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from sandbox.sqlite_ledger import SqliteLedger

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, code TEXT, state TEXT NOT NULL,
    since REAL NOT NULL, created REAL NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_by_code ON object (code, kind, seq);
CREATE INDEX IF NOT EXISTS object_by_state ON object (kind, state, since);
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL, copies INTEGER NOT NULL DEFAULT 1);
CREATE INDEX IF NOT EXISTS event_due ON event (due) WHERE copies > 0;
"""
TWICE = 3  # every third event is delivered twice …
LATE, LATE_BY = 2, 0.6  # … and every second one late, so that the next overtakes it
AGAIN = 0.5


def new_id(prefix: str) -> str:
    return f"{prefix}_{token_hex(16)}"


def now() -> str:
    """The time as EasyPost writes it: UTC, in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Book(SqliteLedger):
    """The shipments, trackers and events of the sandbox carrier."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA)

    def add(self, thing: dict[str, Any], state: str, code: str | None = None) -> None:
        """Books a new shipment or tracker. `code` is the tracking code."""
        self._db.execute(
            "INSERT INTO object (id, kind, code, state, since, created, body)"
            " VALUES (:id, :kind, :code, :state, :now, :now, :body)",
            {
                "id": thing["id"],
                "kind": thing["object"],
                "code": code,
                "state": state,
                "now": time.time(),
                "body": json.dumps(thing),
            },
        )

    def save(self, thing: dict[str, Any], state: str, code: str | None = None) -> None:
        """Replaces a shipment or tracker, which is in this state since now."""
        thing["updated_at"] = now()
        self._db.execute(
            "UPDATE object SET body = ?, state = ?, since = ?, code = coalesce(?, code) WHERE id = ?",
            (json.dumps(thing), state, time.time(), code, thing["id"]),
        )

    def find(self, kind: str, identifier: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT body FROM object WHERE id = ? AND kind = ?", (identifier, kind)).fetchone()
        return json.loads(row["body"]) if row else None

    def newest(
        self,
        kind: str,
        limit: int,
        *,
        before: str | None = None,
        after: str | None = None,
        since: float = 0,
        until: float | None = None,
        code: str | None = None,
        states: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Things of a kind, newest first; `before` and `after` are ids. No `states`: in any state."""
        rows = self._db.execute(
            "SELECT body FROM object WHERE kind = :kind AND (:code IS NULL OR code = :code)"
            " AND (:before IS NULL OR seq < (SELECT seq FROM object WHERE id = :before))"
            " AND (:after IS NULL OR seq > (SELECT seq FROM object WHERE id = :after))"
            " AND created >= :since AND (:until IS NULL OR created <= :until)"
            " AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))"
            " ORDER BY seq DESC LIMIT :limit",
            {
                "kind": kind, "code": code, "before": before, "after": after, "since": since,
                "until": until, "states": json.dumps(states), "limit": limit,
            },
        )  # fmt: skip
        return [json.loads(row["body"]) for row in rows]

    def unchanged(self, kind: str, states: Sequence[str], seconds: float) -> list[dict[str, Any]]:
        """Things of a kind that have been in one of these states for so long, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM object WHERE kind = ? AND state IN (SELECT value FROM json_each(?)) AND since <= ?"
            " ORDER BY since",
            (kind, json.dumps(states), time.time() - seconds),
        )
        return [json.loads(row["body"]) for row in rows]

    def emit(self, description: str, result: dict[str, Any], previous: dict[str, Any] | None = None) -> None:
        """Puts an event into the outbox, from which the webhooks are delivered."""
        event = {
            "id": new_id("evt"),
            "object": "Event",
            "mode": "test",
            "description": description,
            "previous_attributes": previous or {},
            "created_at": now(),
            "updated_at": now(),
            "pending_urls": [],
            "completed_urls": [],
            "user_id": "user_sandbox",
            "status": "pending",
            "result": result,
        }
        seq = self._db.execute(
            "INSERT INTO event (id, body, due) VALUES (?, ?, ?)", (event["id"], json.dumps(event), time.time())
        ).lastrowid
        self._db.execute(
            "UPDATE event SET due = due + ?, copies = ? WHERE seq = ?",
            (LATE_BY if (seq or 0) % LATE == 0 else 0, 2 if (seq or 0) % TWICE == 0 else 1, seq),
        )

    def due_events(self, limit: int, attempts: int) -> list[sqlite3.Row]:
        """Events whose turn it is, without those that were tried so many times."""
        return self._db.execute(
            "SELECT seq, id, body, attempts FROM event WHERE copies > 0 AND due <= ? AND attempts < ?"
            " ORDER BY due, seq LIMIT ?",
            (time.time(), attempts, limit),
        ).fetchall()

    def delivered(self, seq: int) -> None:
        """One copy of the event has arrived; a second one follows if there is to be one."""
        self._db.execute("UPDATE event SET copies = copies - 1, due = ? WHERE seq = ?", (time.time() + AGAIN, seq))

    def postpone(self, seq: int, seconds: float) -> None:
        self._db.execute(
            "UPDATE event SET due = ?, attempts = attempts + 1 WHERE seq = ?", (time.time() + seconds, seq)
        )
