"""What staff do to the sign-in of others. They must hold all permissions of the account."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from models import access
from models.accounts.sessions import end_other_sessions
from models.accounts.users import get_active, lock
from models.core.errors import NotAllowed


def end_sessions_of(session: Session, held: Collection[str], user_id: str, kept: str | None = None) -> None:
    """Ends all sessions of a user except `kept`, and revokes their tokens. Raises NotFound and NotAllowed."""
    lock_administered(session, held, user_id)
    end_other_sessions(session, user_id, kept)


def lock_administered(session: Session, held: Collection[str], user_id: str) -> None:
    """Locks an account and checks that `held` has all of its permissions. Raises NotFound and NotAllowed."""
    get_active(session, user_id)
    lock(session, user_id)
    missing = sorted(access.permissions_of(session, user_id) - set(held))
    if missing:
        raise NotAllowed(f"You lack permissions of this user: {', '.join(missing)}.", permissions=missing)
