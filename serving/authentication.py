"""Who calls: access tokens of users, API keys of machines, and the permissions that they hold."""

import time
from functools import lru_cache
from typing import Any
from uuid import uuid4

import jwt

from models import access, accounts
from models.accounts import Principal
from models.core.database import single_statements
from models.core.errors import NotAllowed, NotSignedIn
from settings import settings

ACCESS_LIFETIME = 15 * 60  # seconds


REQUIRED = ["sub", "sid", "iat", "exp", "jti"]


SECOND_FACTOR_MISSING = (
    "This shop requires a second factor for permissions. Enable one with `POST /v1/me/second-factor`, or sign in with "
    "it."
)


def access_token(user_id: str, session_id: str) -> str:
    """Issues an access token (RFC 7519, HS256). It is valid for 15 minutes and while its session is active."""
    now = int(time.time())
    claims = {"sub": user_id, "sid": session_id, "iat": now, "exp": now + ACCESS_LIFETIME, "jti": uuid4().hex}
    return jwt.encode(claims, settings.secret_key, algorithm="HS256")


def read_token(token: str) -> tuple[Principal, dict[str, Any]] | None:
    """Returns the principal and claims of an access token; None if it is forged, expired or revoked."""
    try:
        claims = _claims(token)
    except jwt.InvalidTokenError:
        return None
    if claims["exp"] <= time.time():  # the cached claims were valid when they were decoded
        return None
    with single_statements() as connection:
        principal = accounts.find_principal(connection, claims["sub"], claims["sid"])
    return (principal, claims) if principal else None


@lru_cache(maxsize=4096)
def _claims(token: str) -> dict[str, Any]:
    """Decodes a token; callers must not modify the result. The signature check is cached: it takes 0.1 ms.

    Raises InvalidTokenError, which is not cached.
    """
    return jwt.decode(token, settings.secret_key, algorithms=["HS256"], options={"require": REQUIRED})


def claimed_user_id(token: str) -> str | None:
    """The user id in an access token, verified by signature only: the session may have ended."""
    try:
        return str(_claims(token)["sub"])
    except jwt.InvalidTokenError:
        return None


def authenticate_user(token: str | None) -> Principal:
    """The user of an access token. Raises NotSignedIn."""
    if not token:
        raise NotSignedIn("Sign in and send the access token as `Authorization: Bearer …`.")
    found = read_token(token)
    if found is None:
        raise NotSignedIn("The access token is invalid, expired or revoked.", code="invalid_token")
    return found[0]


def authenticate(token: str | None, api_key: str | None) -> Principal:
    """A user by access token, or a machine by API key, which takes precedence. Raises NotSignedIn."""
    if api_key is None:
        return authenticate_user(token)
    with single_statements() as connection:
        found = access.find_key(connection, api_key)
    if found is None:
        raise NotSignedIn("The API key is invalid, expired or revoked.", code="invalid_api_key")
    return Principal(found.user_id, "", frozenset(), found.permissions, found.key_id)


def refuse_api_key(api_key: str | None) -> None:
    """Raises NotAllowed: a key cannot buy, and cannot access the account of its creator."""
    if api_key is not None:
        raise NotAllowed("This requires a signed-in user; API keys are not accepted.")


def require_permission(principal: Principal, permission: str) -> None:
    """Raises NotAllowed unless the principal holds the permission, `resource:action`, through a role or a key."""
    if permission in principal.withheld:
        raise NotAllowed(SECOND_FACTOR_MISSING, code="second_factor_missing", permission=permission)
    if permission not in principal.permissions:
        raise NotAllowed(f"This requires the permission {permission}.", permission=permission)
