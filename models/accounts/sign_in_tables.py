"""The tables of the ways to sign in besides the password, in schema `accounts`."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.accounts.tables import User
from models.core.database import Base, Created


class SecondFactor(Base):
    """The authenticator app of a user (RFC 6238). Codes are required from `confirmed_at` on; None: not confirmed yet.

    `secret` is encrypted. `last_step`: the time step of the latest code that was accepted; none is accepted twice.
    """

    __tablename__ = "second_factor"
    __table_args__ = ({"schema": "accounts"},)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes]
    last_step: Mapped[int | None]
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[Created]

    def __repr__(self) -> str:
        return f"<SecondFactor of {self.user_id}>"  # without its secret


class RecoveryCode(Base):
    """The hash of a recovery code, which replaces a code of the authenticator app once."""

    __tablename__ = "recovery_code"
    __table_args__ = ({"schema": "accounts"},)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None]


class SpentChallenge(Base):
    """The hash of a challenge that was answered, until it has expired: a challenge works once."""

    __tablename__ = "spent_challenge"
    __table_args__ = (
        Index("ix_spent_challenge_expires_at_digest", "expires_at", "digest"),
        {"schema": "accounts"},
    )
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]


class KnownDevice(Base):
    """The hash of a device and a network from which a user has signed in. A sign-in from elsewhere is reported."""

    __tablename__ = "known_device"
    __table_args__ = (
        Index("ix_known_device_age", "last_seen_at", "user_id", "fingerprint"),
        {"schema": "accounts"},
    )
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_seen_at: Mapped[Created]
    last_seen_at: Mapped[Created]


class Passkey(Base):
    """A WebAuthn credential of a user. `sign_count`: of the latest use; 0 from authenticators that do not count.

    `aaguid`: the model of the authenticator, if it says so. `synced`: whether it is backed up to other devices.
    """

    __tablename__ = "passkey"
    __table_args__ = (Index("ix_passkey_user_id_id", "user_id", "id"), {"schema": "accounts"})
    id: Mapped[str] = mapped_column(Id("pky"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    aaguid: Mapped[str] = mapped_column(String(36))
    synced: Mapped[bool]
    created_at: Mapped[Created]
    last_used_at: Mapped[datetime | None]


class Identity(Base):
    """Who a user is at a provider of OpenID Connect. `email`: as the provider said when the identity was linked."""

    __tablename__ = "identity"
    __table_args__ = (
        Index("ix_identity_user_id_id", "user_id", "id"),
        UniqueConstraint("issuer", "subject"),
        {"schema": "accounts"},
    )
    id: Mapped[str] = mapped_column(Id("idn"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(String(64))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[Created]
    last_used_at: Mapped[datetime | None]
