"""Authentication and authorisation: the access rule that every view declares."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from flask_smorest import Blueprint

from api.http import audit_log
from models.accounts import Principal
from models.core import event_log
from serving import authentication

API_KEY_HEADER = "X-Api-Key"
PERSON: dict[str, list[str]] = {"bearer": []}
MACHINE: dict[str, list[str]] = {"api_key": []}


P = ParamSpec("P")
Answer = TypeVar("Answer")
View = TypeVar("View", bound=Callable[..., object])


def claimed_user_id() -> str | None:
    """The user id in the access token, verified by signature only: the session may have ended."""
    given = request.authorization
    return authentication.claimed_user_id(given.token) if given is not None and given.token else None


def authenticate_user() -> Principal:
    """Authenticates the user by the Authorization header. Raises NotSignedIn."""
    return authentication.authenticate_user(_bearer())


def authenticate() -> Principal:
    """Authenticates a user by access token or a machine by API key. Raises NotSignedIn."""
    return authentication.authenticate(_bearer(), request.headers.get(API_KEY_HEADER))


def _bearer() -> str | None:
    given = request.authorization
    return given.token if given is not None and given.type == "bearer" else None


def signed_in(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Allows every signed-in user. Sets `g.principal`. Must be the outermost decorator of a view.

    API keys are refused: a key cannot buy, and cannot access the account of its creator.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        authentication.refuse_api_key(request.headers.get(API_KEY_HEADER))
        admit(authenticate_user)
        return view(*args, **kwargs)

    return declare_rule(guarded, "signed in", PERSON)


def user_or_api_key(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Allows signed-in users and API keys, for views that show your own resources, or all with a permission."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        admit(authenticate)
        return view(*args, **kwargs)

    return declare_rule(guarded, "identified", PERSON, MACHINE)


def allowed(permission: str) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Allows principals that hold the permission, `resource:action`, through a role or a key. Sets `g.principal`.

    Must be the outermost decorator of a view. Changes are recorded in the audit log.
    """

    def authorise() -> Principal:
        principal = authenticate()
        authentication.require_permission(principal, permission)
        return principal

    def decorate(view: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
            admit(authorise)
            with audit_log.record_action(permission):
                return view(*args, **kwargs)

        return declare_rule(guarded, permission, PERSON, MACHINE)

    return decorate


def admit(authorise: Callable[[], Principal]) -> None:
    """Sets `g.principal`, and keeps the check, `authorise`, for `admit_again`."""
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
