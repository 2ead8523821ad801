"""What people call things of which a row has the id."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import User
from models.orders import Order


def usernames_of(session: Session, user_ids: Iterable[str | None]) -> dict[str | None, str]:
    """User id → username, of the users that exist."""
    rows = session.execute(select(User.id, User.username).where(User.id.in_(set(user_ids) - {None})))
    return {row.id: row.username for row in rows}


def numbers_of(session: Session, order_ids: Iterable[str]) -> dict[str, int]:
    """Order id → number."""
    rows = session.execute(select(Order.id, Order.number).where(Order.id.in_(set(order_ids))))
    return {row.id: row.number for row in rows}
