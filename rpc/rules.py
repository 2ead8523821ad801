"""Who may make a call. Each call declares one rule; the names are those of REST's access rules."""

from collections.abc import Callable
from dataclasses import dataclass

from models.accounts import Principal
from rpc.call import Call
from serving import authentication, carts


@dataclass(frozen=True)
class Rule:
    """`admit` returns the principal, or raises NotSignedIn or NotAllowed. `permission`: what is recorded of changes."""

    name: str
    admit: Callable[[Call], Principal | None]
    permission: str | None = None


def _signed_in(call: Call) -> Principal:
    authentication.refuse_api_key(call.api_key)
    return authentication.authenticate_user(call.token)


def _identified(call: Call) -> Principal:
    return authentication.authenticate(call.token, call.api_key)


def _signed_in_or_guest(call: Call) -> Principal:
    return _signed_in(call) if call.cart_token is None else carts.guest_principal(call.cart_token)


PUBLIC = Rule("public", lambda call: None)
SIGNED_IN = Rule("signed in", _signed_in)
IDENTIFIED = Rule("identified", _identified)
SIGNED_IN_OR_GUEST = Rule("signed in or guest", _signed_in_or_guest)


def allowed(permission: str) -> Rule:
    """Allows principals that hold the permission, `resource:action`, through a role or a key."""

    def admit(call: Call) -> Principal:
        principal = authentication.authenticate(call.token, call.api_key)
        authentication.require_permission(principal, permission)
        return principal

    return Rule(permission, admit, permission)
