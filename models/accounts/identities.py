"""Identities: who a user is at a provider of OpenID Connect.

An account is never taken over: an identity with the address of an existing account is linked only by its owner, who is
signed in.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import access
from models.accounts.challenges import invalid_challenge_error, make_challenge, read_challenge, spend_challenge
from models.accounts.sessions import Credentials
from models.accounts.sign_in_tables import Identity
from models.accounts.tables import User
from models.accounts.users import find_id, flush, lock
from models.core import event_log
from models.core.errors import Conflict, NotFound
from models.core.events import AccountRegistered, SignInChanged
from models.core.folding import fold

LINKING, STARTING = "identity", "oidc"
_NAME = re.compile(r"[\w ,'\u2019-]+(\.( [\w ,'\u2019-]+)?)*")
"""Letters of any script, digits, and what names contain, such as `Mary J. O'Hara, Jr.`. Anything else is left out:
users choose their names at a provider, and mails contain them, so that they must not be links."""
_EMAIL = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+\.[^\s@<>\"]+")


@dataclass(frozen=True)
class UserInfo:
    """What a provider says of its user. Texts are empty if it does not say them."""

    provider: str
    issuer: str
    subject: str
    email: str
    email_verified: bool
    first_name: str
    last_name: str


def make_state(provider: str, return_url: str) -> str:
    """The state of a sign-in at a provider, valid for five minutes, once."""
    return make_challenge(STARTING, provider=provider, return_url=return_url)


def read_state(state: str, provider: str) -> str:
    """The page to which the provider returns. Raises NotSignedIn `invalid_challenge`."""
    claims = read_challenge(state, STARTING)
    if claims["provider"] != provider:
        raise invalid_challenge_error()
    return_url: str = claims["return_url"]
    return return_url


def spend_state(session: Session, state: str) -> None:
    """Marks a state as used. Raises NotSignedIn `invalid_challenge`."""
    spend_challenge(session, state, read_challenge(state, STARTING))


def find_owner(session: Session, info: UserInfo) -> Credentials | None:
    """The user to whom an identity is linked, which is used now."""
    used = update(Identity).where(Identity.issuer == info.issuer, Identity.subject == info.subject)
    user_id = session.scalars(used.values(last_used_at=func.now()).returning(Identity.user_id)).one_or_none()
    return None if user_id is None else Credentials(user_id, session.get_one(User, user_id).password_hash)


def check_new(session: Session, info: UserInfo) -> None:
    """Raises Conflict if an identity makes no account: `email_not_verified`; `account_exists` with a `link_token`, with
    which the owner of that account can link the identity."""
    if not info.email_verified or not _EMAIL.fullmatch(info.email) or len(fold(info.email)) > 254:
        detail = "The provider has not verified your e-mail address. Register, then link your identity."
        raise Conflict(detail, code="email_not_verified")
    owner = find_id(session, info.email)
    if owner is not None:
        link = make_challenge(
            LINKING, sub=owner, provider=info.provider, issuer=info.issuer, subject=info.subject, email=info.email
        )
        detail = "An account with this address exists. Sign in to it, then link your identity."
        raise Conflict(detail, code="account_exists", link_token=link)


def register_identity(session: Session, info: UserInfo, password_hash: str, language: str | None) -> Credentials:
    """Creates a customer from an identity, with the address that its provider has verified. Raises as `check_new`, and
    Conflict `email_taken`."""
    check_new(session, info)
    username = f"user-{secrets.token_hex(8)}"  # the owner may choose another
    user = User(
        id=new_id("usr"), username=username, email=info.email, password_hash=password_hash, language=language,
        first_name=_name(info.first_name) or username, last_name=_name(info.last_name),
        email_confirmed_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(user)
    flush(session, user)
    access.grant(session, user.id, "customer")
    _add(session, user.id, info.provider, info.issuer, info.subject, info.email)
    event_log.emit(session, AccountRegistered(user_id=user.id))
    return Credentials(user.id, password_hash)


def link_identity(session: Session, user_id: str, link_token: str) -> Identity:
    """Links an identity to the account that it was made for. Raises NotSignedIn `invalid_challenge`, Conflict
    `identity_known`."""
    claims = read_challenge(link_token, LINKING)
    if claims["sub"] != user_id:
        raise invalid_challenge_error()
    spend_challenge(session, link_token, claims)
    lock(session, user_id)
    known = select(Identity.id).where(Identity.issuer == claims["issuer"], Identity.subject == claims["subject"])
    if session.scalars(known).first() is not None:
        raise Conflict("This identity is linked already.", code="identity_known")
    made = _add(session, user_id, *(claims[name] for name in ("provider", "issuer", "subject", "email")))
    event_log.emit(session, SignInChanged(user_id=user_id, change="identity_linked"))
    return made


def _add(session: Session, user_id: str, provider: str, issuer: str, subject: str, email: str) -> Identity:
    made = Identity(id=new_id("idn"), user_id=user_id, provider=provider, issuer=issuer, subject=subject, email=email)
    session.add(made)
    session.flush()
    session.refresh(made)
    return made


def list_identities(user_id: str) -> Select[Identity]:
    """The query for the identities of a user. The caller orders it."""
    return select(Identity).where(Identity.user_id == user_id)


def unlink_identity(session: Session, user_id: str, identity_id: str) -> None:
    """Removes an identity of the user, who can still sign in by password, or set one by mail. Raises NotFound."""
    identity = session.scalars(list_identities(user_id).where(Identity.id == identity_id)).one_or_none()
    if identity is None:
        raise NotFound("No such identity.")
    session.delete(identity)
    session.flush()
    event_log.emit(session, SignInChanged(user_id=user_id, change="identity_unlinked"))


def _name(info: str) -> str:
    return info if _NAME.fullmatch(info) else ""
