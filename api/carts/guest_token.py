"""Guest carts. A guest authenticates with the cart's token until the cart is merged into a customer's."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from sqlalchemy.orm import Session

from api.http.auth import PERSON, declare_rule, signed_in
from api.http.fields import documents_header
from models import carts
from serving.carts import guest_principal

HEADER = "X-Cart-Token"
SCHEME = {
    "type": "apiKey", "in": "header", "name": HEADER,
    "description": "The token of a guest cart, returned by `POST /v1/cart`",
}  # fmt: skip

P = ParamSpec("P")
Answer = TypeVar("Answer")
View = TypeVar("View", bound=Callable[..., object])


def signed_in_or_guest(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Allows signed-in users, and guests who send a cart token. Sets `g.principal`; for a guest, its `user_id` is
    the id of the cart. Must be the outermost decorator of a view."""
    of_customer = signed_in(view)

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        if not is_guest():
            return of_customer(*args, **kwargs)
        g.principal = guest_principal(request.headers[HEADER])
        return view(*args, **kwargs)

    return declare_rule(guarded, "signed in or guest", PERSON, {"cart": []})


def accepts_guest_cart(view: View) -> View:
    """Documents that a view accepts a guest cart token. The view calls `merge_guest_cart`."""
    header = {
        "in": "header", "name": HEADER, "schema": {"type": "string"},
        "description": "The token of a guest cart to merge into the customer's cart",
    }  # fmt: skip
    return documents_header(header)(view)


def is_guest() -> bool:
    """Whether the request has a cart token and no access token; an access token takes precedence."""
    return HEADER in request.headers and "Authorization" not in request.headers


def merge_guest_cart(session: Session, user_id: str) -> dict[str, object]:
    """Merges the guest cart of the request into the customer's. Returns `{"cart": …}`, the result of the merge.

    Returns `{}` without a cart token, and for a cart that no longer exists: a stale token never blocks a sign-in.
    """
    token = request.headers.get(HEADER)
    merged = carts.merge(session, user_id, token) if token else None
    return {"cart": merged} if merged else {}
