"""Guests: who has a cart and no account shows the cart's token, until the cart is merged into a customer's."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from sqlalchemy.orm import Session

from api.http.auth import PERSON, declare_rule, signed_in
from api.http.fields import taking
from models import carts
from models.accounts import Principal
from models.core.database import single_statements

HEADER = "X-Cart-Token"
SCHEME = {
    "type": "apiKey", "in": "header", "name": HEADER,
    "description": "The token of a guest's cart, from `POST /v1/cart`",
}  # fmt: skip
NOBODY: frozenset[str] = frozenset()

P = ParamSpec("P")
Answer = TypeVar("Answer")
View = TypeVar("View", bound=Callable[..., object])


def signed_in_or_guest(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """For who is signed in, and for a guest who shows the token of a cart. Sets `g.principal`, whose `user_id`
    is for a guest the id of the cart. The outermost decorator of a view."""
    of_customer = signed_in(view)

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        if not is_guest():
            return of_customer(*args, **kwargs)
        with single_statements() as connection:
            cart_id = carts.find_guest_cart(connection, request.headers[HEADER])
        g.principal = Principal(cart_id, "", NOBODY, NOBODY)
        return view(*args, **kwargs)

    return declare_rule(guarded, "signed in or guest", PERSON, {"cart": []})


def may_bring_cart(view: View) -> View:
    """Says in the OpenAPI document that a view takes the token of a guest's cart; it calls `bring_cart`."""
    header = {
        "in": "header", "name": HEADER, "schema": {"type": "string"},
        "description": "The token of a guest's cart, which is merged into the customer's",
    }  # fmt: skip
    return taking(header)(view)


def is_guest() -> bool:
    """Whether a cart's token is all that the request shows. Who signs in as well means the customer's own cart."""
    return HEADER in request.headers and "Authorization" not in request.headers


def bring_cart(session: Session, user_id: str) -> dict[str, object]:
    """Merges the guest's cart that the request shows into the customer's, and says so: `{"cart": …}`.

    Nothing to say without a cart, and with one that is gone: a sign-in is never refused for its sake.
    """
    token = request.headers.get(HEADER)
    merged = carts.merge(session, user_id, token) if token else None
    return {"cart": merged} if merged else {}
