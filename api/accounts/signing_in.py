"""What the views that sign somebody in share."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from durable import Refusal
from models import accounts
from models.core.database import transaction
from models.core.events import LoginThrottled
from serving.authentication import ACCESS_LIFETIME, access_token


def device() -> tuple[str | None, str | None]:
    """The User-Agent and the IP address of the request."""
    return request.headers.get("User-Agent"), request.remote_addr


@contextmanager
def attempt() -> Iterator[None]:
    """Counts a sign-in without a name for its network, unless it succeeds or something of the shop or of the provider
    is broken. Raises TooManyRequests."""
    limits = accounts.network_limits(request.remote_addr)
    with transaction() as session:
        accounts.take_attempt(session, limits, LoginThrottled(user_id=None))
    is_wrong = False
    try:
        yield
    except Refusal as error:
        is_wrong = error.status < 500
        raise
    finally:
        if not is_wrong:
            with transaction() as session:
                accounts.return_attempt(session, limits)


def tokens(opened: accounts.OpenedSession) -> dict[str, object]:
    """The tokens of a session, as schema `Tokens` describes them."""
    return {
        "access_token": access_token(opened.user_id, opened.session_id),
        "refresh_token": opened.refresh_token,
        "token_type": "Bearer",
        "expires_in": ACCESS_LIFETIME,
    }
