"""Who opens a page: the cookie of a session, and the access rule that every view declares.

The cookie names a session of `models.accounts`, which is looked up for every page: it ends at once when the user signs
out anywhere, changes the password or closes the account. It is signed, with another salt than everything else, and is
not an access token of the API.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from flask import Response, g
from itsdangerous import BadData, URLSafeSerializer

from api.http.audit_log import record_action
from api.http.auth import admit, declare_rule
from models import accounts
from models.accounts import OpenedSession, Principal
from models.core.database import single_statements
from models.core.errors import NotSignedIn
from serving.authentication import require_permission
from settings import settings
from web import cookies

COOKIE = "session"
LIFETIME = 30 * 24 * 3600  # seconds, of a session in models.accounts

P = ParamSpec("P")
Answer = TypeVar("Answer")


def find_principal() -> Principal | None:
    """Who has signed in; None: nobody. One query for a request with a cookie."""
    if "web_principal" not in g:
        g.web_principal = _find_principal()
    found: Principal | None = g.web_principal
    return found


def everybody(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Opens a page to everybody. Sets `g.principal` if somebody has signed in."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        if find_principal() is not None:
            admit(require)
        return view(*args, **kwargs)

    return declare_rule(guarded, "public")


def signed_in(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Opens a page to those who have signed in; others are led to the sign-in, and back. Sets `g.principal`."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        admit(require)
        return view(*args, **kwargs)

    return declare_rule(guarded, "signed in")


def allowed(*permissions: str) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Opens a page to staff who hold all these permissions. Sets `g.principal`; changes are in the audit log."""

    def authorise() -> Principal:
        principal = require()
        for permission in permissions:
            require_permission(principal, permission)
        return principal

    def decorate(view: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
            admit(authorise)
            with record_action(permissions[0]):
                return view(*args, **kwargs)

        return declare_rule(guarded, permissions[0])

    return decorate


def may(permission: str | None) -> bool:
    """Whether who looks at the page holds the permission; None: none is needed."""
    return "principal" in g and (permission is None or permission in g.principal.permissions)


def sign_in(response: Response, opened: OpenedSession) -> None:
    """Gives the browser the session."""
    cookies.write(response, COOKIE, _signer().dumps([opened.user_id, opened.session_id]), LIFETIME)


def session_id() -> str:
    """The id of the session; empty: nobody has signed in."""
    found = find_principal()
    return found.session_id if found else ""


def require() -> Principal:
    """Who has signed in, from the database, not from the request's cache. Raises NotSignedIn."""
    found = _find_principal()
    if found is None:
        raise NotSignedIn("Sign in to see this page.")
    g.web_principal = found
    return found


def _find_principal() -> Principal | None:
    given = cookies.read(COOKIE)
    if given is None:
        return None
    try:
        user_id, session_id = _signer().loads(given)
    except (BadData, ValueError):
        return None
    with single_statements() as connection:
        return accounts.find_principal(connection, user_id, session_id)


@cache
def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt="session of web/")
