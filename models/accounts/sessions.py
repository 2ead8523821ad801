"""Login sessions, refresh tokens, and the principal of a request."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, CursorResult, Select, String, bindparam, func, literal, select, update
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import access
from models.accounts.sign_in_devices import MAX_USER_AGENT, find_origin, note_device
from models.accounts.tables import ONE_FACTOR, LoginSession, SpentToken, User
from models.accounts.users import prefer_exact
from models.core import event_log
from models.core.database import Statements
from models.core.errors import NotFound, NotSignedIn
from models.core.events import SessionStolen, SignedInFromNewDevice
from models.core.tokens import digest
from settings import settings

LIFETIME = timedelta(days=30)  # from the login; a refresh does not extend it
FRESH = timedelta(minutes=10)


@dataclass(frozen=True)
class Credentials:
    """A user and the hash to verify a password against; both None if the user does not exist.

    `familiar`: the user has an active session at the IP address of the request.
    """

    user_id: str | None
    password_hash: str | None
    familiar: bool = False


@dataclass(frozen=True)
class OpenedSession:
    """A new or refreshed session, with its refresh token in clear text; the database keeps the hash."""

    user_id: str
    session_id: str
    refresh_token: str


@dataclass(frozen=True)
class Principal:
    """The user on whose behalf a request is made, and their permissions.

    `key_id`: the API key of a machine, which acts on behalf of its creator; `session_id` is then empty. `withheld`:
    permissions that the user would have with a second factor, which the shop requires (SHOP_STAFF_SECOND_FACTOR).
    """

    user_id: str
    session_id: str
    roles: frozenset[str]
    permissions: frozenset[str]
    key_id: str | None = None
    withheld: frozenset[str] = frozenset()


def find_credentials(session: Session, login: str, ip: str | None = None) -> Credentials:
    """Finds an active user by username or e-mail address, folded. `ip`: of the request."""
    signed_in = select(LoginSession.id).where(LoginSession.user_id == User.id, _is_live())
    here = signed_in.where(LoginSession.ip == literal(ip, String)).exists()
    active = select(User.id, User.password_hash, here).where(User.status == "active")
    found = session.execute(prefer_exact(active, login, User.username_key, User.email_key)).one_or_none()
    return Credentials(*found) if found else Credentials(None, None)


def log_in(
    session: Session, checked: Credentials, user_agent: str | None, ip: str | None, method: str = "password"
) -> OpenedSession:
    """Opens a session for a user whose password was verified against `checked`. `method`: as of `open_session`.

    Raises NotSignedIn if the account was closed or its password changed meanwhile.
    """
    unchanged = select(User.id).where(
        User.id == checked.user_id, User.password_hash == checked.password_hash, User.status == "active"
    )
    user_id = session.scalars(unchanged.with_for_update(read=True)).one_or_none()
    if user_id is None:
        raise wrong_credentials_error()
    return open_session(session, user_id, user_agent, ip, method)


def wrong_credentials_error() -> NotSignedIn:
    """The same error for an unknown user and a wrong password, so that they cannot be told apart."""
    return NotSignedIn("Wrong username or password.", code="wrong_credentials")


def open_session(
    session: Session, user_id: str, user_agent: str | None, ip: str | None, method: str = "password"
) -> OpenedSession:
    """Opens a session of 30 days for an authenticated user. `method`: one of METHODS, how they have signed in.

    If the device is new, the user is notified by mail (event `sign_in.new_device`).
    """
    origin = find_origin(user_agent, ip)
    token = secrets.token_urlsafe(32)
    opened = LoginSession(
        id=new_id("ses"), user_id=user_id, refresh_hash=digest(token), method=method,
        user_agent=user_agent and user_agent[:MAX_USER_AGENT], ip=ip, device=origin.device, place=origin.place,
        network=origin.network, expires_at=datetime.now(UTC) + LIFETIME,
    )  # fmt: skip
    session.add(opened)
    session.flush()
    if note_device(session, user_id, origin):
        at = datetime.now(UTC).isoformat()
        event_log.emit(session, SignedInFromNewDevice(user_id=user_id, session_id=opened.id, at=at))
    return OpenedSession(user_id, opened.id, token)


def is_fresh(session: Session, session_id: str) -> bool:
    """Whether the session was opened, or its user authenticated again, in the last ten minutes."""
    authenticated_at = func.coalesce(LoginSession.authenticated_at, LoginSession.created_at)
    fresh = select(LoginSession.id).where(LoginSession.id == session_id, authenticated_at > func.now() - FRESH)
    return session.scalars(fresh).one_or_none() is not None


def refresh_sign_in(session: Session, session_id: str) -> None:
    """Makes a live session fresh, whose user has given the password again."""
    live = update(LoginSession).where(LoginSession.id == session_id, _is_live())
    session.execute(live.values(authenticated_at=func.now()))


def rotate(session: Session, refresh_token: str) -> OpenedSession | None:
    """Exchanges a refresh token for the next one. Returns None if it is invalid.

    Reuse of an exchanged token ends its session (RFC 9700, section 4.14.2), because the token may have been stolen.
    This takes effect when the caller commits, so the function does not raise.
    """
    shown = digest(refresh_token)
    holder = select(LoginSession).join(User, User.id == LoginSession.user_id)
    current = holder.where(LoginSession.refresh_hash == shown, _is_live(), User.status == "active")
    found = session.scalars(current.with_for_update(of=LoginSession)).one_or_none()
    if found is None:
        _end_stolen(session, shown)
        return None
    session.add(SpentToken(refresh_hash=shown, session_id=found.id))
    token = secrets.token_urlsafe(32)
    found.refresh_hash, found.last_used_at = digest(token), datetime.now(UTC)
    session.flush()
    return OpenedSession(found.user_id, found.id, token)


def _end_stolen(session: Session, shown: str) -> None:
    """Ends the session in which the refresh token was exchanged, if live (event `session.stolen`)."""
    spent = select(SpentToken.session_id).where(SpentToken.refresh_hash == shown)
    ended = update(LoginSession).where(LoginSession.id.in_(spent), _is_live()).values(ended_at=func.now())
    for session_id, user_id in session.execute(ended.returning(LoginSession.id, LoginSession.user_id)).all():
        event_log.emit(session, SessionStolen(session_id=session_id, user_id=user_id))


def _is_live() -> ColumnElement[bool]:
    return LoginSession.ended_at.is_(None) & (LoginSession.expires_at > func.now())


_PRINCIPAL = (
    select(access.roles_held(User.id), access.permissions_held(User.id), LoginSession.method)
    .select_from(User)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        LoginSession.id == bindparam("session_id"), User.id == bindparam("user_id"), User.status == "active", _is_live()
    )
)


def find_principal(session: Statements, user_id: str, session_id: str) -> Principal | None:
    """The user of a live session, with roles and permissions, in one query; None if it has ended."""
    found = session.execute(_PRINCIPAL, {"user_id": user_id, "session_id": session_id}).one_or_none()
    if found is None:
        return None
    roles, permissions, nobody = frozenset(found[0]), frozenset(found[1]), frozenset[str]()
    if settings.staff_second_factor and found[2] in ONE_FACTOR:
        return Principal(user_id, session_id, roles, nobody, withheld=permissions)
    return Principal(user_id, session_id, roles, permissions)


def select_live_sessions(user_id: str) -> Select[LoginSession]:
    """The query for the live sessions of a user."""
    return select(LoginSession).where(LoginSession.user_id == user_id, _is_live())


def find_session(session: Session, session_id: str) -> LoginSession | None:
    """A session, also one that has ended; None once it is deleted."""
    return session.get(LoginSession, session_id)


def end_session(session: Session, user_id: str, session_id: str) -> None:
    """Ends a session of the user and revokes its tokens immediately. Raises NotFound if it is not live."""
    if not _end(session, LoginSession.id == session_id, LoginSession.user_id == user_id):
        raise NotFound("No such session.")


def end_other_sessions(session: Session, user_id: str, kept: str | None = None) -> None:
    """Ends all sessions of a user, except `kept`."""
    others = [LoginSession.id != kept] if kept else []
    _end(session, LoginSession.user_id == user_id, *others)


def _end(session: Session, *which: ColumnElement[bool]) -> int:
    ended = update(LoginSession).where(*which, _is_live()).values(ended_at=func.now())
    return cast(CursorResult[None], session.execute(ended.execution_options(synchronize_session=False))).rowcount
