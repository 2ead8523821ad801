"""API keys: how machines sign in. A key acts for the user who has made it, with a part of what that user may do."""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ARRAY, Index, Select, String, bindparam, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from durable.ids import Id, new_id
from models.access.roles import PERMISSIONS, permissions_held
from models.core import event_log
from models.core.database import Base, Created, Statements
from models.core.errors import NotAllowed, NotFound
from models.core.events import KeyCreated, KeyRevoked
from models.core.tokens import digest

FOR_PEOPLE = frozenset({"keys:write", "roles:write", "users:write"})
"""What hands out rights: no key holds it, or whoever finds one could make others."""
GRANTABLE = tuple(name for name in PERMISSIONS if name not in FOR_PEOPLE)
SEEN_EVERY = timedelta(minutes=1)  # a busy key must not be a row that is written with each request


class ApiKey(Base):
    """A key, of which only a hash is kept, and `hint`, the beginning, by which people know it."""

    __tablename__ = "api_key"
    __table_args__ = (Index("ix_api_key_user_id_id", "user_id", "id"), {"schema": "access"})
    id: Mapped[str] = mapped_column(Id("key"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"))
    name: Mapped[str] = mapped_column(String(100))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    permissions: Mapped[list[str]] = mapped_column(ARRAY(String))
    created_at: Mapped[Created]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    @property
    def status(self) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at > datetime.now(UTC) else "expired"


@dataclass(frozen=True)
class KeyHolder:
    """Whom a key acts for, and what it may do."""

    key_id: str
    user_id: str
    permissions: frozenset[str]


def create_key(
    session: Session, user_id: str, held: Collection[str], name: str, permissions: Iterable[str], lifetime: timedelta
) -> tuple[ApiKey, str]:
    """Makes a key with some of the permissions that its maker holds; the second value is the key itself, which nobody
    can read again. Raises NotAllowed."""
    wanted = sorted(set(permissions))
    missing = [permission for permission in wanted if permission not in held]
    if missing:
        raise NotAllowed(f"You don't hold {', '.join(missing)} yourself.", permissions=missing)
    clear = f"sfk_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        id=new_id("key"), user_id=user_id, name=name, key_hash=digest(clear), hint=clear[:8], permissions=wanted,
        expires_at=datetime.now(UTC) + lifetime,
    )  # fmt: skip
    session.add(key)
    session.flush()
    event_log.emit(session, KeyCreated(key_id=key.id, permissions=wanted))
    return key, clear


def list_keys() -> Select[ApiKey]:
    """The query for all keys, those that are good no more too."""
    return select(ApiKey)


def get_key(session: Session, key_id: str) -> ApiKey:
    """The key. Raises NotFound."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound("There is no such key.")
    return key


def revoke_key(session: Session, key_id: str) -> None:
    """Makes a key stop working at once; a second call changes nothing. Raises NotFound."""
    get_key(session, key_id)
    live = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    if session.scalars(live.values(revoked_at=func.now()).returning(ApiKey.id)).one_or_none() is not None:
        event_log.emit(session, KeyRevoked(key_id=key_id))


_GOOD = (
    ApiKey.key_hash == bindparam("shown"),
    ApiKey.revoked_at.is_(None),
    ApiKey.expires_at > func.now(),
)
_SEEN = (
    update(ApiKey)
    .where(*_GOOD, or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - SEEN_EVERY))
    .values(last_used_at=func.now())
    .returning(ApiKey.id)
    .cte("seen")
)
_HOLDER = (
    select(ApiKey.id, ApiKey.user_id, ApiKey.permissions, permissions_held(ApiKey.user_id)).where(*_GOOD).add_cte(_SEEN)
)


def find_key(session: Statements, key: str) -> KeyHolder | None:
    """Whom a key acts for, and notes that it was used, in one statement. None if it is no good.

    What its maker may not do any more, it may not either.
    """
    found = session.execute(_HOLDER, {"shown": digest(key)}).one_or_none()
    if found is None:
        return None
    key_id, user_id, scope, held = found
    return KeyHolder(key_id, user_id, frozenset(scope) & frozenset(held))
