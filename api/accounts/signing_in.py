"""What the views that sign somebody in share."""

from flask import request

from models import accounts
from serving.authentication import ACCESS_LIFETIME, access_token


def device() -> tuple[str | None, str | None]:
    """The User-Agent and the IP address of the request."""
    return request.headers.get("User-Agent"), request.remote_addr


def tokens(opened: accounts.OpenedSession) -> dict[str, object]:
    """The tokens of a session, as schema `Tokens` describes them."""
    return {
        "access_token": access_token(opened.user_id, opened.session_id),
        "refresh_token": opened.refresh_token,
        "token_type": "Bearer",
        "expires_in": ACCESS_LIFETIME,
    }
