"""Who asks, and whether they may: the rule that every view declares."""

import time
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar
from uuid import uuid4

import jwt
from flask import g, request
from flask_smorest import Blueprint

from models import accounts
from models.accounts import Principal
from models.database import single_statements
from models.errors import NotAllowed, NotSignedIn
from settings import settings

ACCESS_LIFETIME = 15 * 60  # seconds
REQUIRED = ["sub", "sid", "iat", "exp", "jti"]

View = TypeVar("View", bound=Callable[..., Any])


def access_token(user_id: str, session_id: str) -> str:
    """A token for 15 minutes (RFC 7519, HS256). It works only as long as its session is live."""
    now = int(time.time())
    claims = {"sub": user_id, "sid": session_id, "iat": now, "exp": now + ACCESS_LIFETIME, "jti": uuid4().hex}
    return jwt.encode(claims, settings.secret_key, algorithm="HS256")


def read_token(token: str) -> tuple[Principal, dict[str, Any]] | None:
    """Who an access token stands for, and its claims. None if it is forged, too old, or its session has ended."""
    try:
        claims = _claims(token)
    except jwt.InvalidTokenError:
        return None
    if claims["exp"] <= time.time():  # it was good when it was looked at first
        return None
    with single_statements() as connection:
        principal = accounts.find_principal(connection, claims["sub"], claims["sid"])
    return (principal, claims) if principal else None


@lru_cache(maxsize=4096)
def _claims(token: str) -> dict[str, Any]:
    """What a token says, not to be changed. Whether it is genuine does not change, and is worth 0.1 ms to remember.

    Raises InvalidTokenError, which is not remembered.
    """
    return jwt.decode(token, settings.secret_key, algorithms=["HS256"], options={"require": REQUIRED})


def bearer() -> Principal:
    """Who asks, by the Authorization header. Raises NotSignedIn."""
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise NotSignedIn("Sign in first, and send the access token as `Authorization: Bearer …`.")
    found = read_token(given.token)
    if found is None:
        raise NotSignedIn("This access token is not valid, or not any more.", code="invalid_token")
    return found[0]


def signed_in(view: View) -> View:
    """For everybody who is signed in. Sets `g.principal`. The outermost decorator of a view."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.principal = bearer()
        return view(*args, **kwargs)

    return _ruled(guarded, "signed in")


def allowed(permission: str) -> Callable[[View], View]:
    """For those with a role that holds the permission, `resource:action`. Sets `g.principal`; outermost, too."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.principal = bearer()
            if permission not in g.principal.permissions:
                raise NotAllowed(f"This needs the permission {permission}.", permission=permission)
            return view(*args, **kwargs)

        return _ruled(guarded, permission)

    return decorate


def public(view: View) -> View:
    """For anybody."""
    view.rule = "public"  # type: ignore[attr-defined]
    return view


def _ruled(guarded: Any, rule: str) -> Any:
    documented = Blueprint.doc(security=[{"bearer": []}])(guarded)
    documented.rule = rule
    return documented
