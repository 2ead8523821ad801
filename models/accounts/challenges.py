"""Challenges: what a sign-in of several requests hands to the client between them.

A challenge is signed, so that anonymous requests for one store nothing. Only a challenge that was answered is stored,
by its hash, until it has expired: it works once.
"""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.accounts.sign_in_tables import SpentChallenge
from models.core.encryption import derive_key
from models.core.errors import NotSignedIn
from models.core.tokens import digest

LIFETIME = 5 * 60  # seconds


def make_challenge(purpose: str, **claims: str | None) -> str:
    """A challenge of five minutes (RFC 7519, HS256), signed with a key of its purpose."""
    named = {**claims, "exp": int(time.time()) + LIFETIME, "jti": uuid4().hex}
    return jwt.encode(named, derive_key(f"challenge: {purpose}"), algorithm="HS256")


def read_challenge(challenge: str, purpose: str) -> dict[str, Any]:
    """The claims of a challenge. Raises NotSignedIn (`invalid_challenge`) if it is forged or expired."""
    key = derive_key(f"challenge: {purpose}")
    try:
        return jwt.decode(challenge, key, algorithms=["HS256"], options={"require": ["exp", "jti"]})
    except jwt.InvalidTokenError as error:
        raise invalid_challenge_error() from error


def spend_challenge(session: Session, challenge: str, claims: dict[str, Any]) -> None:
    """Marks a challenge as answered. Raises NotSignedIn (`invalid_challenge`) if it is already.

    A rollback undoes it: a challenge can be tried again after a wrong answer. Of concurrent answers, one succeeds.
    """
    spent = {"digest": digest(challenge), "expires_at": datetime.fromtimestamp(claims["exp"], UTC)}
    new = insert(SpentChallenge).values(spent).on_conflict_do_nothing().returning(SpentChallenge.digest)
    if session.scalars(new).one_or_none() is None:
        raise invalid_challenge_error()


def invalid_challenge_error() -> NotSignedIn:
    """The same error for a challenge that is forged, expired, used, or of a password that has changed."""
    detail = "This challenge is invalid, expired or already used; begin again."
    return NotSignedIn(detail, code="invalid_challenge")
