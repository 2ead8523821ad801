"""Idempotency keys: the stored response of a request, returned to its retries."""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Index, String, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.core.database import Base, Created, Statements
from models.core.errors import BadRequest, Invalid

MAX_LENGTH = 255  # characters of a key


class IdempotencyKey(Base):
    """A used key. Its row is inserted in the transaction of the request's effect."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_created_at", "created_at"), {"schema": "workflow"})
    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[Any | None] = mapped_column(JSONB)
    headers: Mapped[dict[str, Any] | None]
    created_at: Mapped[Created]


@dataclass(frozen=True)
class StoredResponse:
    """A stored response: HTTP status, JSON body and headers."""

    status: int
    body: Any
    headers: dict[str, str]


_CLAIM = (
    insert(IdempotencyKey)
    .values({name: bindparam(name) for name in ("owner", "key", "fingerprint")})
    .on_conflict_do_nothing()
    .returning(IdempotencyKey.key)
)
_KEEP = (
    update(IdempotencyKey)
    .where(IdempotencyKey.owner == bindparam("of_owner"), IdempotencyKey.key == bindparam("of_key"))
    .values({name: bindparam(name) for name in ("status", "body", "headers")})
)


def check_key(key: str | None, required: bool) -> str | None:
    """The key of a request. Raises BadRequest (`idempotency_key_required`, `idempotency_key_too_long`)."""
    if not key:
        if required or key is not None:  # an empty key is a mistake of a client that meant to send one
            raise BadRequest("This request requires an Idempotency-Key.", code="idempotency_key_required")
        return None
    if len(key) > MAX_LENGTH:
        raise BadRequest(
            f"The Idempotency-Key is longer than {MAX_LENGTH} characters.", code="idempotency_key_too_long"
        )
    return key


def claim(session: Session, owner: str, key: str, fingerprint: str) -> StoredResponse | None:
    """Claims the key for this transaction and returns None, or returns the response if the key was used.

    Waits for the end of a concurrent transaction with the same key. `fingerprint` is a hash of the request. Raises
    Invalid (`idempotency_key_reused`) if the key was used for a different request.
    """
    row = {"owner": owner, "key": key, "fingerprint": fingerprint}
    if session.connection().scalar(_CLAIM, row) is not None:
        return None
    first = session.scalars(select(IdempotencyKey).filter_by(owner=owner, key=key)).one()
    if first.fingerprint != fingerprint:
        raise Invalid("The Idempotency-Key was already used for a different request.", code="idempotency_key_reused")
    assert first.status is not None  # a row is committed only together with its response
    return StoredResponse(first.status, first.body, first.headers or {})


def find(session: Session, owner: str, key: str) -> StoredResponse | None:
    """The stored response of a key, if it was used."""
    first = session.get(IdempotencyKey, (owner, key))
    return StoredResponse(first.status, first.body, first.headers or {}) if first and first.status else None


_IS_USED = select(
    select(IdempotencyKey.key)
    .where(IdempotencyKey.owner == bindparam("of_owner"), IdempotencyKey.key == bindparam("of_key"))
    .exists()
)


def is_used(session: Statements, owner: str, key: str) -> bool:
    """Whether there is a stored response. One in an uncommitted transaction does not count."""
    return bool(session.execute(_IS_USED, {"of_owner": owner, "of_key": key}).scalar_one())


def save(session: Session, owner: str, key: str, answer: StoredResponse) -> None:
    """Stores the response of the key that this transaction has claimed."""
    kept = {"status": answer.status, "body": answer.body, "headers": answer.headers}
    session.connection().execute(_KEEP, {"of_owner": owner, "of_key": key, **kept})


def delete_of_owner(session: Session, owner: str) -> int:
    """Deletes all stored responses of a user, which may contain personal data. Returns their number."""
    theirs = delete(IdempotencyKey).where(IdempotencyKey.owner == owner)
    return cast(CursorResult[None], session.execute(theirs)).rowcount
