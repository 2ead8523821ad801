"""The tables of schema `carts`."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, MinorUnits


class Cart(Base):
    """A cart of a customer, or of a guest, who has the token to `token_hash`.

    `reminded_of`: the value of `updated_at` for which a reminder was sent. `order_id`: the order that was placed from
    the cart, until its lines are removed from the cart or it is cancelled; at most one at a time.
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
    """A product in a cart, with the price and availability when the cart was last shown.

    Both are NULL before the cart is first shown. A price without availability: the product was no longer sold.
    """

    __tablename__ = "item"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"), {"schema": "carts"})
    cart_id: Mapped[str] = mapped_column(Id("crt"), ForeignKey(Cart.id, ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    quantity: Mapped[int]
    added_at: Mapped[Created]
    seen_price: Mapped[MinorUnits | None]
    seen_available: Mapped[int | None]
