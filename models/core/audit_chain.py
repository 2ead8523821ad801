"""The audit log is a chain: changing, inserting or deleting an event of staff breaks it, and `shop audit` finds that.

Each event of staff gets an entry in the transaction that emits it. An entry's code (HMAC-SHA-256, RFC 2104) covers the
event and the code of the entry before, so that whoever can write to the database, but does not know the key, can
change no event. Entries that were deleted from the end are missed only by somebody who has kept a later one elsewhere
(docs/security.md#the-audit-log).
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Row, event, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from durable.ids import Id
from models.core.database import Base
from settings import settings

KINDS = ("key", "role", "staff", "operator")
"""The kinds of events that record actions of staff. Every change by staff leaves one."""
NO_ENTRY = b"\0" * 32
"""The code before the first entry."""
_PENDING = "events of staff"


class AuditEntry(Base):
    """An entry of the chain. `number` has no gaps. `before` and `before_at` repeat the code and the time of the entry
    before, so that the first entry that retention has kept can be verified."""

    __tablename__ = "audit_entry"
    __table_args__ = ({"schema": "workflow"},)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(Id("evt"), unique=True)
    created_at: Mapped[datetime]
    before: Mapped[bytes] = mapped_column(LargeBinary)
    before_at: Mapped[datetime | None]
    code: Mapped[bytes] = mapped_column(LargeBinary)


def is_chained(event_name: str) -> bool:
    """Whether events of this name are entries of the audit log."""
    return event_name.partition(".")[0] in KINDS


def chain(session: Session, event_id: str) -> None:
    """Adds the event, which the session has inserted, to the audit log when the transaction commits."""
    session.info.setdefault(_PENDING, []).append(event_id)


# Nothing else is locked from here to the end of the commit: no deadlock, and little waiting.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('workflow.audit_entry', 0))")
_LAST = select(AuditEntry.number, AuditEntry.code, AuditEntry.created_at).order_by(AuditEntry.number.desc()).limit(1)
COVERED = "event.id, event.name, event.subject, event.actor, event.payload, event.created_at"
"""The columns of an event that its code covers."""
_EVENTS = (
    text(f"SELECT {COVERED} FROM workflow.event WHERE id = ANY(:ids) ORDER BY id")  # noqa: S608, constants only
    .columns(id=Id("evt"))
)  # fmt: skip


@event.listens_for(Session, "before_commit")
def _add_entries(session: Session) -> None:
    ids = session.info.pop(_PENDING, None)
    if not ids:
        return
    session.flush()
    session.execute(_LOCK)
    last = session.execute(_LAST).one_or_none()
    number, before, before_at = last or (0, NO_ENTRY, None)
    entries = []
    # Events of a savepoint that was rolled back are not found.
    for found in session.execute(_EVENTS, {"ids": [id_.removeprefix("evt_") for id_ in ids]}).all():
        number += 1
        code = sign(signing_keys()[0], number, before, before_at, found)
        entries.append(
            {"number": number, "event_id": found.id, "created_at": found.created_at, "before": before,
             "before_at": before_at, "code": code}
        )  # fmt: skip
        before, before_at = code, found.created_at
    if entries:
        session.execute(insert(AuditEntry), entries)


@event.listens_for(Session, "after_rollback")
def _drop_entries(session: Session) -> None:
    session.info.pop(_PENDING, None)


def sign(key: bytes, number: int, before: bytes, before_at: datetime | None, of: Row[Any]) -> bytes:
    """The code of an entry: of its number, of the entry before, and of the columns COVERED of its event."""
    covered = [
        number, before.hex(), _instant(before_at), of.id, of.name, of.subject, of.actor, of.payload,
        _instant(of.created_at),
    ]  # fmt: skip
    return hmac.digest(key, json.dumps(covered, sort_keys=True, separators=(",", ":")).encode(), "sha256")


def signing_keys() -> Sequence[bytes]:
    """The keys of the audit log: the first signs, all verify."""
    given = settings.audit_keys or settings.secret_key
    return [hashlib.sha256(b"audit log\n" + key.encode()).digest() for key in given.split(",")]


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def last_entry(session: Session) -> str | None:
    """The last entry as `number:code`, to be kept elsewhere; None while there is none."""
    last = session.execute(_LAST).one_or_none()
    return f"{last.number}:{last.code.hex()}" if last else None
