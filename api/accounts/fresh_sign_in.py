"""Changes of how a user signs in require a fresh sign-in: a stolen access token must not be enough for them."""

from flask import g

from models import accounts
from models.core.database import transaction
from models.core.errors import NotAllowed
from models.core.events import LoginThrottled


def require_fresh_sign_in(password: str | None) -> None:
    """Raises NotAllowed `fresh_sign_in_required`, unless the session was opened in the last ten minutes or the password
    is given; NotSignedIn `wrong_credentials` for a wrong one, and TooManyRequests."""
    user_id = g.principal.user_id
    with transaction() as session:
        if password is None:
            if not accounts.is_fresh(session, g.principal.session_id):
                detail = "Sign in again, or send `current_password`: this changes how you sign in."
                raise NotAllowed(detail, code="fresh_sign_in_required")
            return
        current = accounts.get_credentials(session, user_id)
        limits = accounts.password_limits(user_id)
        accounts.take_attempt(session, limits, LoginThrottled(user_id=user_id))
    if not accounts.verify_password(current.password_hash, password):
        raise accounts.wrong_credentials_error()
    with transaction() as session:
        accounts.return_attempt(session, limits)
