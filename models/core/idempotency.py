"""Idempotency keys: the first answer to a request, kept so that a repetition gets it again."""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Index, String, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.core.database import Base, Created, Statements
from models.core.errors import Invalid


class IdempotencyKey(Base):
    """A key that somebody has used. Its row is written in the transaction of the effect, and only with it."""

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
class Answer:
    """What was answered: HTTP status, JSON body and the headers that belong to it."""

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


def claim(session: Session, owner: str, key: str, fingerprint: str) -> Answer | None:
    """Takes the key for this transaction: None. Or the first answer, if it has been used.

    While another transaction holds the same key, this waits for its end. `fingerprint` stands for the
    request. Raises Invalid (`idempotency_key_reused`) if the key was used for another one.
    """
    row = {"owner": owner, "key": key, "fingerprint": fingerprint}
    if session.connection().scalar(_CLAIM, row) is not None:
        return None
    first = session.scalars(select(IdempotencyKey).filter_by(owner=owner, key=key)).one()
    if first.fingerprint != fingerprint:
        raise Invalid("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
    assert first.status is not None  # a row is committed only together with its answer
    return Answer(first.status, first.body, first.headers or {})


_IS_USED = select(
    select(IdempotencyKey.key)
    .where(IdempotencyKey.owner == bindparam("of_owner"), IdempotencyKey.key == bindparam("of_key"))
    .exists()
)


def is_used(session: Statements, owner: str, key: str) -> bool:
    """Whether there is an answer to give again. One that is being made just now is none yet."""
    return bool(session.execute(_IS_USED, {"of_owner": owner, "of_key": key}).scalar_one())


def keep(session: Session, owner: str, key: str, answer: Answer) -> None:
    """Writes the answer beside the key that this transaction has claimed."""
    kept = {"status": answer.status, "body": answer.body, "headers": answer.headers}
    session.connection().execute(_KEEP, {"of_owner": owner, "of_key": key, **kept})


def delete_of_owner(session: Session, owner: str) -> int:
    """Deletes the answers that a user has got, and says how many: what was said in them may be personal."""
    theirs = delete(IdempotencyKey).where(IdempotencyKey.owner == owner)
    return cast(CursorResult[None], session.execute(theirs)).rowcount
