"""Secret tokens. The database stores only digests, so that a leaked copy cannot be used to sign in."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from settings import settings


def digest(token: str) -> str:
    """SHA-256 of the token. Random tokens need neither a salt nor a slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def derive(purpose: str, run_id: str) -> str:
    """The token that a run mails for a purpose; the same for each call.

    It is derived from the run id and the shop's secret key (HMAC-SHA-256). A mail that is sent again after a crash
    contains the same token, and neither the run nor the notification has to store it.
    """
    made = hmac.digest(settings.secret_key.encode(), f"{purpose} {run_id}".encode(), "sha256")
    return urlsafe_b64encode(made).decode().rstrip("=")
