"""What people want to be told, and how."""

from sqlalchemy.orm import Session


def wants(session: Session, user_id: str, kind: str, channel: str) -> bool:
    """Whether a user wants notifications of that kind on that channel: everything, until one can say otherwise."""
    return True
