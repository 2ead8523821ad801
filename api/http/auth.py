"""Who asks, and whether they may: the rule that every view declares."""

import time
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import jwt
from flask import g, request
from flask_smorest import Blueprint

from api.http import audit_log
from models import access, accounts
from models.accounts import Principal
from models.core import events
from models.core.database import single_statements
from models.core.errors import NotAllowed, NotSignedIn
from settings import settings

ACCESS_LIFETIME = 15 * 60  # seconds
REQUIRED = ["sub", "sid", "iat", "exp", "jti"]
KEY_HEADER = "X-Api-Key"
PERSON: dict[str, list[str]] = {"bearer": []}
MACHINE: dict[str, list[str]] = {"api_key": []}

P = ParamSpec("P")
Answer = TypeVar("Answer")
View = TypeVar("View", bound=Callable[..., object])


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


def claimed_user() -> str | None:
    """Whose access token came along, by its signature alone: without a look whether its session is live."""
    given = request.authorization
    try:
        return str(_claims(given.token)["sub"]) if given is not None and given.token else None
    except jwt.InvalidTokenError:
        return None


def bearer() -> Principal:
    """Who asks, by the Authorization header. Raises NotSignedIn."""
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise NotSignedIn("Sign in first, and send the access token as `Authorization: Bearer …`.")
    found = read_token(given.token)
    if found is None:
        raise NotSignedIn("This access token is not valid, or not any more.", code="invalid_token")
    return found[0]


def anybody_known() -> Principal:
    """Who asks: a person, or a machine with an API key. Raises NotSignedIn."""
    given = request.headers.get(KEY_HEADER)
    if given is None:
        return bearer()
    with single_statements() as connection:
        found = access.find_key(connection, given)
    if found is None:
        raise NotSignedIn("This API key is not valid, or not any more.", code="invalid_api_key")
    return Principal(found.user_id, "", frozenset(), found.permissions, found.key_id)


def signed_in(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """For everybody who is signed in. Sets `g.principal`. The outermost decorator of a view.

    For people only: a key does not buy, and does not touch the account of its maker.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        if KEY_HEADER in request.headers:
            raise NotAllowed("This needs a person who is signed in; an API key can't do it.")
        _enter(bearer())
        return view(*args, **kwargs)

    return declare_rule(guarded, "signed in", PERSON)


def user_or_api_key(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """For everybody who is signed in and for machines: of views that show one's own, and more with a permission."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        _enter(anybody_known())
        return view(*args, **kwargs)

    return declare_rule(guarded, "identified", PERSON, MACHINE)


def allowed(permission: str) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """For who holds the permission, `resource:action`, by a role or a key. Sets `g.principal`; outermost, too.

    What is changed leaves an event that says who did it.
    """

    def decorate(view: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
            _enter(anybody_known())
            if permission not in g.principal.permissions:
                raise NotAllowed(f"This needs the permission {permission}.", permission=permission)
            with audit_log.of(permission):
                return view(*args, **kwargs)

        return declare_rule(guarded, permission, PERSON, MACHINE)

    return decorate


def _enter(principal: Principal) -> None:
    g.principal = principal
    events.actor.set(principal.key_id or principal.user_id)


def public(view: View) -> View:
    """For anybody."""
    return declare_rule(view, "public")


def declare_rule(view: View, rule: str, *schemes: dict[str, list[str]]) -> View:
    """Notes at a view who may use it, and with what they sign in (security schemes of the OpenAPI document)."""
    documented = Blueprint.doc(security=list(schemes))(view) if schemes else view
    vars(documented)["rule"] = rule
    return documented
