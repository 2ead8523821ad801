"""Authentication and authorisation: the access rule that every view declares."""

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
from models.core import event_log
from models.core.database import single_statements
from models.core.errors import NotAllowed, NotSignedIn
from settings import settings

ACCESS_LIFETIME = 15 * 60  # seconds
REQUIRED = ["sub", "sid", "iat", "exp", "jti"]
API_KEY_HEADER = "X-Api-Key"
PERSON: dict[str, list[str]] = {"bearer": []}
MACHINE: dict[str, list[str]] = {"api_key": []}

SECOND_FACTOR_MISSING = (
    "This shop requires a second factor for permissions. Enable one with `POST /v1/me/second-factor`, or sign in with "
    "it."
)

P = ParamSpec("P")
Answer = TypeVar("Answer")
View = TypeVar("View", bound=Callable[..., object])


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


def claimed_user_id() -> str | None:
    """The user id in the access token, verified by signature only: the session may have ended."""
    given = request.authorization
    try:
        return str(_claims(given.token)["sub"]) if given is not None and given.token else None
    except jwt.InvalidTokenError:
        return None


def authenticate_user() -> Principal:
    """Authenticates the user by the Authorization header. Raises NotSignedIn."""
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise NotSignedIn("Sign in and send the access token as `Authorization: Bearer …`.")
    found = read_token(given.token)
    if found is None:
        raise NotSignedIn("The access token is invalid, expired or revoked.", code="invalid_token")
    return found[0]


def authenticate() -> Principal:
    """Authenticates a user by access token or a machine by API key. Raises NotSignedIn."""
    given = request.headers.get(API_KEY_HEADER)
    if given is None:
        return authenticate_user()
    with single_statements() as connection:
        found = access.find_key(connection, given)
    if found is None:
        raise NotSignedIn("The API key is invalid, expired or revoked.", code="invalid_api_key")
    return Principal(found.user_id, "", frozenset(), found.permissions, found.key_id)


def signed_in(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Allows every signed-in user. Sets `g.principal`. Must be the outermost decorator of a view.

    API keys are refused: a key cannot buy, and cannot access the account of its creator.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        if API_KEY_HEADER in request.headers:
            raise NotAllowed("This requires a signed-in user; API keys are not accepted.")
        _admit(authenticate_user)
        return view(*args, **kwargs)

    return declare_rule(guarded, "signed in", PERSON)


def user_or_api_key(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Allows signed-in users and API keys, for views that show your own resources, or all with a permission."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        _admit(authenticate)
        return view(*args, **kwargs)

    return declare_rule(guarded, "identified", PERSON, MACHINE)


def allowed(permission: str) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Allows principals that hold the permission, `resource:action`, through a role or a key. Sets `g.principal`.

    Must be the outermost decorator of a view. Changes are recorded in the audit log.
    """

    def authorise() -> Principal:
        principal = authenticate()
        if permission in principal.withheld:
            raise NotAllowed(SECOND_FACTOR_MISSING, code="second_factor_missing", permission=permission)
        if permission not in principal.permissions:
            raise NotAllowed(f"This requires the permission {permission}.", permission=permission)
        return principal

    def decorate(view: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
            _admit(authorise)
            with audit_log.record_action(permission):
                return view(*args, **kwargs)

        return declare_rule(guarded, permission, PERSON, MACHINE)

    return decorate


def _admit(authorise: Callable[[], Principal]) -> None:
    """Sets `g.principal`, and keeps the check for `admit_again`."""
    g.authorise = authorise
    g.principal = principal = authorise()
    event_log.actor.set(principal.key_id or principal.user_id)


def admit_again() -> None:
    """Repeats the check of the access rule, for a response that lasts. Sets `g.principal` as it is now.

    Raises NotSignedIn and NotAllowed if the session, key or permission has ended since the request began.
    """
    g.principal = g.authorise()


def public(view: View) -> View:
    """Allows everybody, without authentication."""
    return declare_rule(view, "public")


def declare_rule(view: View, rule: str, *schemes: dict[str, list[str]]) -> View:
    """Declares the access rule of a view and its security schemes in the OpenAPI document."""
    documented = Blueprint.doc(security=list(schemes))(view) if schemes else view
    vars(documented)["rule"] = rule
    return documented
