"""The tables of the carts (schema `carts`)."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, MinorUnits


class Cart(Base):
    """A customer's cart, or a guest's: whoever shows the token whose hash stands here.

    `reminded_of`: the `updated_at` of the cart at which its customer was reminded of it. `order_id`: the order that
    was placed from it, until its lines are taken out of the cart or it is cancelled; there is one at a time.
    """

    __tablename__ = "cart"
    __table_args__ = (
        CheckConstraint("num_nonnulls(user_id, token_hash) = 1", name="holder"),
        Index("ix_cart_updated_at", "updated_at"),
        {"schema": "carts"},
    )
    id: Mapped[str] = mapped_column(Id("crt"), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(Id("usr"), unique=True)
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    updated_at: Mapped[Created]
    reminded_of: Mapped[datetime | None]
    order_id: Mapped[str | None] = mapped_column(Id("ord"))


class Item(Base):
    """A product in a cart, with the price and the availability at the last look at it.

    Both are null before the first look. A price without an availability: it was no longer sold then.
    """

    __tablename__ = "item"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"), {"schema": "carts"})
    cart_id: Mapped[str] = mapped_column(Id("crt"), ForeignKey(Cart.id, ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    quantity: Mapped[int]
    added_at: Mapped[Created]
    seen_price: Mapped[MinorUnits | None]
    seen_available: Mapped[int | None]
