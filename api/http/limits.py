"""Limits of requests per network or caller: `@limited("registrations")`. They are counted by `serving/limits.py`."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request

from api.http.errors import error_codes
from models.core.networks import network_of
from serving.limits import count

P = ParamSpec("P")
Answer = TypeVar("Answer")


def limited(name: str, by: str = "network") -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Limits a view by the setting `SHOP_LIMIT_<NAME>`, for each network or each caller (`by`). Documents its 429.

    Below the schema of the arguments, so that requests which it refuses do not count. Views with the same name share
    the limit. Raises TooManyRequests.
    """

    def decorate(view: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(view)
        def counted(*args: P.args, **kwargs: P.kwargs) -> Answer:
            count_network(name) if by == "network" else count(name, _caller())
            return view(*args, **kwargs)

        return error_codes("too_many_requests")(counted)

    return decorate


def count_network(name: str) -> None:
    """Counts the present request for its network. Raises as `count`."""
    count(name, network_of(request.remote_addr) or "unknown")


def _caller() -> str:
    return str(g.principal.key_id or g.principal.user_id)
