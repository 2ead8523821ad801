"""Load shedding: under overload, new checkouts are refused before they consume resources."""

from flask import request

from api.http.auth import claimed_user_id
from api.http.idempotency import HEADER
from models.core import idempotency
from models.core.database import single_statements
from models.core.errors import Overloaded
from monitoring import overload


def refuse_if_overloaded() -> None:
    """Refuses a new checkout that would wait for longer than `SHOP_MAX_WAIT`. Runs before the view.

    Retries of an accepted checkout get their stored response; detecting them costs one primary-key lookup. Requests
    without a valid token or idempotency key pass, and the view refuses them for that reason. Raises Overloaded.
    """
    seconds = overload.retry_after() if request.method == "POST" else None
    if seconds is None:
        return
    user_id, key = claimed_user_id(), request.headers.get(HEADER)
    if user_id is None or not key:
        return
    with single_statements() as connection:
        if idempotency.is_used(connection, user_id, key):
            return
    raise Overloaded("The shop is overloaded; try again later.", retry_after=seconds)
