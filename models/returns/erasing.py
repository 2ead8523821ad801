"""What is erased from returns when an account is closed."""

from typing import cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from models.returns.tables import Return


def erase_user(session: Session, user_id: str) -> int:
    """Erases the comments of the user's returns, and returns how many. Their reasons are on credit notes, and kept."""
    theirs = update(Return).where(Return.user_id == user_id, Return.comment.is_not(None)).values(comment=None)
    return cast(CursorResult[None], session.execute(theirs)).rowcount
