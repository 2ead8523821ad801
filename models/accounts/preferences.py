"""What people want to be told, and how."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts.tables import User


def wants(session: Session, user_id: str, kind: str, channel: str) -> bool:
    """Whether a user wants notifications of that kind on that channel. Nobody who has closed the account does."""
    active = select(User.id).where(User.id == user_id, User.status == "active")
    return session.scalars(active).one_or_none() is not None
