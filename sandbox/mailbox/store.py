"""Where the mailbox keeps what it gets: one file for each delivery, written so that a kill loses none."""

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
    """One message, however often it was delivered. `received_at`: seconds since 1970, of the first delivery."""

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
    """The folder of messages, with an index in memory that is read from it at the start.

    A file is named `<nanoseconds since 1970>-<id>.eml` or `.json`. The id is made of the Message-ID, so that
    files with the same id are deliveries of the same message, as large mail providers see it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._messages: dict[str, Message] = {}
        self._last = 0
        folder.mkdir(parents=True, exist_ok=True)
        for half_written in folder.glob("*.tmp"):
            half_written.unlink()
        for path in sorted(folder.glob("*-*.*")):
            self._index(path, path.read_bytes())

    def keep_mail(self, sender: str, recipients: list[str], content: bytes) -> Message:
        """Keeps one mail; it is on the disk when this returns. Says which message it was a delivery of."""
        # Return-Path and Delivered-To hold the envelope (RFC 5321, section 4.4).
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
        content = "".join(f"{line}\r\n" for line in envelope).encode() + content
        return self._keep(_message_id(content), "eml", content)

    def keep_push(self, payload: dict[str, Any]) -> Message:
        """Keeps a text message or a push; `message_id` in the payload is what Message-ID is to a mail."""
        return self._keep(payload.get("message_id"), "json", json.dumps(payload).encode())

    def newest(self) -> list[Message]:
        return sorted(self._messages.values(), key=lambda message: message.received_at, reverse=True)

    def find(self, identifier: str) -> Message | None:
        return self._messages.get(identifier)

    def _keep(self, message_id: str | None, suffix: str, content: bytes) -> Message:
        token = message_id or uuid4().hex
        identifier = "msg_" + sha256(f"{suffix} {token}".encode(errors="replace")).hexdigest()[:32]
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
        "subject": str(payload.get("title") or ""),
        "message_id": payload.get("message_id"),
    }


def _message_id(content: bytes) -> str | None:
    found = HEADERS.parsebytes(content)["Message-ID"]
    return None if found is None else str(found).strip() or None


def _decoded(header: Any) -> str:
    """A header as people read it (RFC 2047); as it came, if it is not well-formed."""
    try:
        return str(make_header(decode_header(header or "")))
    except (HeaderParseError, LookupError, UnicodeError):
        return str(header)


def _write(path: Path, content: bytes) -> None:
    """The file is there wholly or not at all, and is on the disk when this returns."""
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
