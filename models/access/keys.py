"""API keys of machines. A key acts on behalf of its creator, with a subset of the creator's permissions."""

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
from models.core.errors import Conflict, NotAllowed, NotFound
from models.core.events import KeyCreated, KeyRevoked
from models.core.quotas import check_quota, lock_name
from models.core.tokens import digest
from settings import settings

USERS_ONLY = frozenset({"keys:write", "roles:write", "users:write"})
"""Permissions to grant rights. Keys cannot hold them, so that a leaked key cannot create others."""
GRANTABLE = tuple(name for name in PERMISSIONS if name not in USERS_ONLY)
RECORD_USE_EVERY = timedelta(minutes=1)  # limits writes to one per minute and key


class ApiKey(Base):
    """An API key. Only its hash is stored, and `hint`, its first characters, for identification."""

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
    """The user a key acts for, and its permissions."""

    key_id: str
    user_id: str
    permissions: frozenset[str]


def create_key(
    session: Session, user_id: str, held: Collection[str], name: str, permissions: Iterable[str], lifetime: timedelta
) -> tuple[ApiKey, str]:
    """Creates a key with permissions from `held`. Returns the row and the key in clear text, which cannot be retrieved
    later. Raises NotAllowed and Conflict `too_many_keys`."""
    wanted = sorted(set(permissions))
    missing = [permission for permission in wanted if permission not in held]
    if missing:
        raise NotAllowed(f"You lack the permissions {', '.join(missing)}.", permissions=missing)
    lock_name(session, f"API keys of {user_id}")
    valid = select(ApiKey.id).where(
        ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now()
    )
    detail = "You have as many API keys as the shop allows. Revoke one first."
    check_quota(session, valid, Conflict(detail, code="too_many_keys", limit=settings.api_keys))
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
    """The query for all keys, including expired and revoked ones."""
    return select(ApiKey)


def get_key(session: Session, key_id: str) -> ApiKey:
    """Returns a key. Raises NotFound."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound("No such key.")
    return key


def revoke_key(session: Session, key_id: str) -> None:
    """Revokes a key, effective immediately. Idempotent. Raises NotFound."""
    get_key(session, key_id)
    live = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    if session.scalars(live.values(revoked_at=func.now()).returning(ApiKey.id)).one_or_none() is not None:
        event_log.emit(session, KeyRevoked(key_id=key_id))


_VALID = (
    ApiKey.key_hash == bindparam("shown"),
    ApiKey.revoked_at.is_(None),
    ApiKey.expires_at > func.now(),
)
_RECORD_USE = (
    update(ApiKey)
    .where(*_VALID, or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - RECORD_USE_EVERY))
    .values(last_used_at=func.now())
    .returning(ApiKey.id)
    .cte("seen")
)
_HOLDER = (
    select(ApiKey.id, ApiKey.user_id, ApiKey.permissions, permissions_held(ApiKey.user_id))
    .where(*_VALID)
    .add_cte(_RECORD_USE)
)


def find_key(session: Statements, key: str) -> KeyHolder | None:
    """Returns the holder of a valid key and records its use, in one statement; None for an invalid key.

    The key has only those of its permissions that its creator still has.
    """
    found = session.execute(_HOLDER, {"shown": digest(key)}).one_or_none()
    if found is None:
        return None
    key_id, user_id, scope, held = found
    return KeyHolder(key_id, user_id, frozenset(scope) & frozenset(held))
