"""The message store of the mailbox: one file per delivery, written durably."""

import json
import os
import time
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

HEADERS = BytesHeaderParser()


@dataclass
class Message:
    """A message, delivered one or more times. `received_at`: Unix time of the first delivery, in seconds."""

    id: str
    kind: str
    to: list[str]
    sender: str
    subject: str
    message_id: str | None
    received_at: float
    deliveries: int
    path: Path


class Store:
    """The folder of messages, with an index in memory that is built at start-up.

    A file is named `<Unix time in nanoseconds>-<id>.eml` or `.json`. The id is derived from the Message-ID: files with
    the same id are deliveries of the same message. Large mail providers deduplicate in the same way.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._messages: dict[str, Message] = {}
        self._last = 0
        folder.mkdir(parents=True, exist_ok=True)
        for incomplete in folder.glob("*.tmp"):
            incomplete.unlink()
        for path in sorted(folder.glob("*-*.*")):
            self._index(path, path.read_bytes())

    def add_mail(self, sender: str, recipients: list[str], content: bytes) -> Message:
        """Stores a delivery of a mail and returns the message. The mail is on disk when this returns."""
        # Return-Path and Delivered-To contain the envelope (RFC 5321, section 4.4).
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
        content = "".join(f"{line}\r\n" for line in envelope).encode() + content
        return self._add(_message_id(content), "eml", content)

    def add_push(self, payload: dict[str, Any]) -> Message:
        """Stores a text message or push notification: `kind`, `to`, `title`, `message`, and a `message_id`, which
        corresponds to the Message-ID of a mail."""
        return self._add(payload.get("message_id"), "json", json.dumps(payload).encode())

    def add_once(self, payload: dict[str, Any]) -> Message:
        """As `add_push`, but a message whose `message_id` is known is not delivered again."""
        known = self.find(_identifier("json", payload["message_id"])) if payload["message_id"] else None
        return known or self.add_push(payload)

    def newest(self) -> list[Message]:
        """All messages, newest first."""
        return sorted(self._messages.values(), key=lambda message: message.received_at, reverse=True)

    def find(self, identifier: str) -> Message | None:
        return self._messages.get(identifier)

    def _add(self, message_id: str | None, suffix: str, content: bytes) -> Message:
        identifier = _identifier(suffix, message_id or uuid4().hex)
        self._last = max(time.time_ns(), self._last + 1)
        path = self._folder / f"{self._last:020d}-{identifier}.{suffix}"
        _write(path, content)
        return self._index(path, content)

    def _index(self, path: Path, content: bytes) -> Message:
        nanoseconds, _, identifier = path.stem.partition("-")
        if known := self._messages.get(identifier):
            known.deliveries += 1
            return known
        describe = _describe_mail if path.suffix == ".eml" else _describe_push
        message = Message(
            id=identifier, received_at=int(nanoseconds) / 1e9, deliveries=1, path=path, **describe(content)
        )
        self._messages[identifier] = message
        return message


def _identifier(suffix: str, token: str) -> str:
    return "msg_" + sha256(f"{suffix} {token}".encode(errors="replace")).hexdigest()[:32]


def _describe_mail(content: bytes) -> dict[str, Any]:
    headers = HEADERS.parsebytes(content)
    return {
        "kind": "mail",
        "to": [str(recipient) for recipient in headers.get_all("Delivered-To", [])],
        "sender": _decoded(headers["From"] or headers["Return-Path"]),
        "subject": _decoded(headers["Subject"]),
        "message_id": _message_id(content),
    }


def _describe_push(content: bytes) -> dict[str, Any]:
    payload = json.loads(content)
    return {
        "kind": "text" if payload.get("kind") == "text" else "push",
        "to": [str(payload["to"])] if payload.get("to") else [],
        "sender": str(payload.get("from") or ""),
        "subject": str(payload.get("title") or payload["message"].partition("\n")[0]),
        "message_id": payload.get("message_id"),
    }


def _message_id(content: bytes) -> str | None:
    found = HEADERS.parsebytes(content)["Message-ID"]
    return None if found is None else str(found).strip() or None


def _decoded(header: Any) -> str:
    """The decoded header (RFC 2047), or the original one if it is malformed."""
    try:
        return str(make_header(decode_header(header or "")))
    except (HeaderParseError, LookupError, UnicodeError):
        return str(header)


def _write(path: Path, content: bytes) -> None:
    """Writes the file atomically. It is on disk when this returns."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
