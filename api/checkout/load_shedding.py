"""The door of the checkout: when more waits than can be done in time, new orders are refused before they cost much."""

from flask import request

from api.http.auth import claimed_user
from api.http.idempotency import HEADER
from models.core import idempotency
from models.core.database import single_statements
from models.core.errors import Overloaded
from monitoring import overload


def shed() -> None:
    """Refuses a new checkout that would wait for longer than `SHOP_MAX_WAIT`. Runs before a view is entered.

    A repetition of one that was accepted gets its answer, which costs one look at a primary key to find out; a
    request without a valid token or a key is refused for that. Raises Overloaded.
    """
    seconds = overload.excess() if request.method == "POST" else None
    if seconds is None:
        return
    user_id, key = claimed_user(), request.headers.get(HEADER)
    if user_id is None or not key:
        return
    with single_statements() as connection:
        if idempotency.is_used(connection, user_id, key):
            return
    raise Overloaded("More orders are waiting than can be done soon; try again later.", retry_after=seconds)
