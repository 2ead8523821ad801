"""The tables of schema `accounts`."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from durable.ids import Id
from models.core import folding
from models.core.database import Base, Created
from models.core.status import Transitions

METHODS = ("password", "password+totp", "password+recovery_code", "oidc", "oidc+totp", "oidc+recovery_code", "passkey")
"""How a session was opened. A passkey counts as two factors: the device, and what unlocks it."""
ONE_FACTOR = ("password", "oidc")

ACCOUNT_STATUS = Transitions("account", {"active": ("closed",), "closed": ()})


class User(Base):
    """A user account. `language`: of mails; None: the shop's. `email_confirmed_at`: when the owner proved that mails to
    the address arrive; None: other mails are held.

    Usernames and e-mail addresses are found by their keys (models/core/folding.py), which are unique and follow when
    the name is set. `username_skeleton`: so that no two usernames look alike.
    """

    __tablename__ = "user"
    id: Mapped[str] = mapped_column(Id("usr"), primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    username_key: Mapped[str]
    username_skeleton: Mapped[str]
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str]
    email_confirmed_at: Mapped[datetime | None]
    password_hash: Mapped[str]
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    last_name_key: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    language: Mapped[str | None] = mapped_column(String(8))
    created_at: Mapped[Created]
    __table_args__ = (
        CheckConstraint(ACCOUNT_STATUS.constraint, name="status"),
        # They also answer prefix searches.
        Index("uq_user_username_key", text("username_key text_pattern_ops"), unique=True),
        Index("uq_user_email_key", text("email_key text_pattern_ops"), unique=True),
        Index("ix_user_last_name_key", text("last_name_key text_pattern_ops")),
        Index("uq_user_username_skeleton", "username_skeleton", unique=True),
        {"schema": "accounts"},
    )

    @validates("username", "email", "last_name")
    def _set_keys(self, name: str, value: str) -> str:
        setattr(self, f"{name}_key", folding.fold(value))
        if name == "username":
            self.username_skeleton = folding.skeleton(value)
        return value


class Address(Base):
    """An address of a user. At most one address of a user is the default."""

    __tablename__ = "address"
    __table_args__ = (
        Index("ix_address_user_id_id", "user_id", "id"),
        Index("uq_address_default", "user_id", unique=True, postgresql_where=text("is_default")),
        {"schema": "accounts"},
    )
    id: Mapped[str] = mapped_column(Id("adr"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"))
    line1: Mapped[str] = mapped_column(String(200))
    line2: Mapped[str | None] = mapped_column(String(200))
    city: Mapped[str] = mapped_column(String(100))
    postal_code: Mapped[str | None] = mapped_column(String(20))
    country: Mapped[str] = mapped_column(String(60))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Created]


class LoginSession(Base):
    """A login session on one device. Its tokens are valid until it ends or expires. `method`: one of METHODS.

    `device`, `place`, `network`: of the sign-in, as `sign_in_devices.Origin` describes them. `authenticated_at`: when
    the password was last given again; None: not since the session was opened.
    """

    __tablename__ = "session"
    __table_args__ = (
        Index("ix_session_user_id_id", "user_id", "id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_session_over", text("least(expires_at, ended_at)")),
        CheckConstraint(f"method IN {METHODS}", name="method"),
        {"schema": "accounts"},
    )
    id: Mapped[str] = mapped_column(Id("ses"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"))
    refresh_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_agent: Mapped[str | None] = mapped_column(String(300))
    ip: Mapped[str | None] = mapped_column(String(45))
    method: Mapped[str] = mapped_column(String(32), server_default="password")
    device: Mapped[str | None] = mapped_column(String(100))
    place: Mapped[str | None] = mapped_column(String(100))
    network: Mapped[str | None] = mapped_column(String(43))
    created_at: Mapped[Created]
    authenticated_at: Mapped[datetime | None]
    last_used_at: Mapped[Created]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SpentToken(Base):
    """An exchanged refresh token. Its reuse indicates theft."""

    __tablename__ = "spent_token"
    __table_args__ = ({"schema": "accounts"},)
    refresh_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(Id("ses"), ForeignKey(LoginSession.id, ondelete="CASCADE"), index=True)


class Preference(Base):
    """A user's choice for a kind of notification and channel, where it differs from the default."""

    __tablename__ = "preference"
    __table_args__ = ({"schema": "accounts"},)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    wanted: Mapped[bool]


class PasswordReset(Base):
    """An e-mailed reset token, valid once. Its id is the id of the run that mails it. `email`: where to; None: a row
    of the release before."""

    __tablename__ = "password_reset"
    __table_args__ = (Index("ix_password_reset_expires_at", "expires_at"), {"schema": "accounts"})
    id: Mapped[str] = mapped_column(Id("run"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), index=True)
    email: Mapped[str | None] = mapped_column(String(254))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class EmailConfirmation(Base):
    """A mailed token that confirms `email`, while it is the address of the user. Its id is that of the run that mails
    it."""

    __tablename__ = "email_confirmation"
    __table_args__ = (Index("ix_email_confirmation_expires_at", "expires_at"), {"schema": "accounts"})
    id: Mapped[str] = mapped_column(Id("run"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]


class PendingEmail(Base):
    """The new e-mail address of a user, until it is confirmed by the token that `run_id` mails to it.

    It reserves nothing: two users can wait for the same address.
    """

    __tablename__ = "pending_email"
    __table_args__ = (Index("ix_pending_email_expires_at_user_id", "expires_at", "user_id"), {"schema": "accounts"})
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    run_id: Mapped[str] = mapped_column(Id("run"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    created_at: Mapped[Created]


class EmailChange(Base):
    """An e-mail address that a user has asked to change, and the mailed token that restores it, once. Its id is that of
    the run that mails it. `used_at`: when it was restored, or an earlier one of the user.

    Until `expires_at`, nobody else can take the address: the way back would lead nowhere.
    """

    __tablename__ = "email_change"
    __table_args__ = (Index("ix_email_change_expires_at", "expires_at"), {"schema": "accounts"})
    id: Mapped[str] = mapped_column(Id("run"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str | None] = mapped_column(index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[Created]


class LoginThrottle(Base):
    """The rate limit state of an account or IP address: all attempts are available again at `free_at`."""

    __tablename__ = "login_throttle"
    __table_args__ = ({"schema": "accounts"},)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    free_at: Mapped[datetime]


class Phone(Base):
    """The phone number of a user, in E.164. `code_of`: the run that has sent the latest code, from which it is derived.

    `attempts`: with that code. No text messages are sent to a number that is not verified, except the code.
    """

    __tablename__ = "phone"
    __table_args__ = (
        Index("ix_phone_code_expires_at_user_id", "code_expires_at", "user_id"),
        CheckConstraint("attempts BETWEEN 0 AND 5", name="attempts"),
        CheckConstraint(r"number ~ '^\+[1-9][0-9]{6,14}$'", name="number"),
        {"schema": "accounts"},
    )
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[str] = mapped_column(String(16))
    code_of: Mapped[str] = mapped_column(Id("run"))
    code_expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    verified_at: Mapped[datetime | None]
    created_at: Mapped[Created]


class Device(Base):
    """A browser that receives push notifications (RFC 8030): the endpoint at its push service, and its keys (RFC 8291).

    `sent_at`: when the push service last accepted a notification for it. Whoever knows the endpoint and the shop's
    private key can send to it: it is a secret, like the keys.
    """

    __tablename__ = "device"
    __table_args__ = (Index("ix_device_user_id_id", "user_id", "id"), {"schema": "accounts"})
    id: Mapped[str] = mapped_column(Id("dev"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(16))
    endpoint: Mapped[str] = mapped_column(String(1000), unique=True)
    p256dh: Mapped[str] = mapped_column(String(100))
    auth: Mapped[str] = mapped_column(String(40))
    sent_at: Mapped[datetime | None]
    created_at: Mapped[Created]

    def __repr__(self) -> str:
        return f"<Device {self.id}>"  # without its secrets
