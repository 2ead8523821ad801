"""Load shedding: under overload, new checkouts are refused before they consume resources."""

from flask import request

from api.http.auth import claimed_user_id
from api.http.idempotency import HEADER
from serving import checkout


def refuse_if_overloaded() -> None:
    """Refuses a new checkout under overload. Runs before the view. Raises Overloaded."""
    if request.method == "POST":
        checkout.refuse_if_overloaded(claimed_user_id(), request.headers.get(HEADER))
