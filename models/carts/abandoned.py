"""Abandoned carts: customers are reminded once; later the carts expire.

Each call processes a batch, to bound the transaction. A full batch means that there may be more.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

import durable
from models.carts.tables import Cart, Item
from settings import settings

BATCH_SIZE = 500  # carts
MAX_DELAY = timedelta(days=7)  # a later reminder would be unexpected

_HAS_ITEMS = select(Item.cart_id).where(Item.cart_id == Cart.id).exists()


def expire(session: Session, portion: int = BATCH_SIZE) -> tuple[int, bool]:
    """Deletes guest carts and empties customers' carts whose idle time exceeds the settings.

    Returns their number, and whether there may be more.
    """
    now = datetime.now(UTC)
    guests = _portion(
        session,
        Cart.token_hash.is_not(None),
        Cart.updated_at < now - timedelta(days=settings.guest_cart_days),
        limit=portion,
    )
    customers = _portion(
        session,
        Cart.user_id.is_not(None), Cart.updated_at < now - timedelta(days=settings.cart_days), _HAS_ITEMS,
        limit=portion,
    )  # fmt: skip
    session.execute(delete(Cart).where(Cart.id.in_(guests)))
    session.execute(delete(Item).where(Item.cart_id.in_(customers)))
    return len(guests) + len(customers), portion in (len(guests), len(customers))


def remind(session: Session, portion: int = BATCH_SIZE) -> tuple[int, bool]:
    """Starts a `cart_reminder` for each non-empty customer cart that has been idle for `SHOP_CART_REMINDER_HOURS`, but
    not for more than a week longer.

    Each idle period leads to one reminder; using the cart starts a new period. Returns the number of reminders, and
    whether there may be more.
    """
    idle_since = datetime.now(UTC) - timedelta(hours=settings.cart_reminder_hours)
    chosen = _portion(
        session,
        Cart.user_id.is_not(None), Cart.updated_at < idle_since, Cart.updated_at > idle_since - MAX_DELAY,
        Cart.reminded_of.is_distinct_from(Cart.updated_at), _HAS_ITEMS, limit=portion,
    )  # fmt: skip
    marked = update(Cart).where(Cart.id.in_(chosen)).values(reminded_of=Cart.updated_at)
    found = session.execute(marked.returning(Cart.id, Cart.user_id, Cart.updated_at)).all()
    for cart_id, user_id, updated_at in found:
        touched = updated_at.isoformat()
        about = {"cart_id": cart_id, "user_id": user_id, "touched": touched}
        durable.start(session, "cart_reminder", key=f"{cart_id}:{touched}", input=about)
    return len(found), len(found) == portion


def is_abandoned(session: Session, cart_id: str, touched: str) -> bool:
    """Whether a cart is not empty and unchanged since `touched` (RFC 3339)."""
    same = Cart.id == cart_id, Cart.updated_at == datetime.fromisoformat(touched), _HAS_ITEMS
    return session.scalars(select(Cart.id).where(*same)).one_or_none() is not None


def _portion(session: Session, *conditions: ColumnElement[bool], limit: int) -> Sequence[str]:
    """Locks some carts, longest idle first, and returns their ids. Carts in use are skipped."""
    query = select(Cart.id).where(*conditions).order_by(Cart.updated_at).limit(limit)
    return session.scalars(query.with_for_update(skip_locked=True)).all()
