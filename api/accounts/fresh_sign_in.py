"""What a stolen access token must not be enough for requires a fresh sign-in."""

from flask import g

from models import accounts
from models.core.database import transaction
from models.core.errors import NotAllowed
from models.core.events import LoginThrottled


def require_fresh_sign_in(password: str | None) -> None:
    """Raises NotAllowed `fresh_sign_in_required`, unless the password is given now, or the session was opened or its
    password given in the last ten minutes. Raises as `check_own_password` for a wrong one."""
    if password is not None:
        check_own_password(password)
        return
    with transaction() as session:
        if not accounts.is_fresh(session, g.principal.session_id):
            detail = "Sign in again, send `current_password`, or send the password to `POST /v1/auth/reauthenticate`."
            raise NotAllowed(detail, code="fresh_sign_in_required")


def check_own_password(password: str) -> None:
    """Raises NotSignedIn `wrong_credentials` unless it is the user's password, and TooManyRequests."""
    user_id = g.principal.user_id
    limits = accounts.password_limits(user_id)
    with transaction() as session:
        current = accounts.get_credentials(session, user_id)
        accounts.take_attempt(session, limits, LoginThrottled(user_id=user_id))
    if not accounts.verify_password(current.password_hash, password):
        raise accounts.wrong_credentials_error()
    with transaction() as session:
        accounts.return_attempt(session, limits)
