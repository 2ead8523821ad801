"""Carts that nobody has touched for long: their holders are reminded once, and at last they expire.

Each call does a portion, so that no transaction grows with the number of carts; a full one calls for another.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

import durable
from models.carts.tables import Cart, Item
from settings import settings

PORTION = 500  # carts
TOO_LATE = timedelta(days=7)  # after that long, a reminder would only surprise

_HAS_ITEMS = select(Item.cart_id).where(Item.cart_id == Cart.id).exists()


def expire(session: Session, portion: int = PORTION) -> tuple[int, bool]:
    """Deletes guests' carts and empties customers' that were not touched for as long as the settings say.

    Returns how many of them, and whether there may be more.
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


def remind(session: Session, portion: int = PORTION) -> tuple[int, bool]:
    """Starts a `cart_reminder` for each customer's cart with something in it that was left alone for
    `SHOP_CART_REMINDER_HOURS`, though not for more than a week longer.

    One for each time that it was left alone: touching it and leaving it again makes another one. Returns how
    many, and whether there may be more.
    """
    idle_since = datetime.now(UTC) - timedelta(hours=settings.cart_reminder_hours)
    chosen = _portion(
        session,
        Cart.user_id.is_not(None), Cart.updated_at < idle_since, Cart.updated_at > idle_since - TOO_LATE,
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
    """Whether there is still something in a cart, and it was not touched since then (RFC 3339)."""
    same = Cart.id == cart_id, Cart.updated_at == datetime.fromisoformat(touched), _HAS_ITEMS
    return session.scalars(select(Cart.id).where(*same)).one_or_none() is not None


def _portion(session: Session, *conditions: ColumnElement[bool], limit: int) -> Sequence[str]:
    """The ids of some carts, the longest idle first, locked. A cart that is in use just now is left for later."""
    query = select(Cart.id).where(*conditions).order_by(Cart.updated_at).limit(limit)
    return session.scalars(query.with_for_update(skip_locked=True)).all()
