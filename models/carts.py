"""Carts: what customers mean to buy, with prices and availability as they are at the moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, column, delete, select, update, values
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import inventory
from models.catalogue import Product, get_product
from models.database import Base, Created, Id, new_id
from models.errors import InsufficientStock, NotFound
from settings import settings


class Cart(Base):
    """A customer's cart."""

    __tablename__ = "cart"
    __table_args__ = ({"schema": "carts"},)
    id: Mapped[str] = mapped_column(Id("crt"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), unique=True)
    updated_at: Mapped[Created]


class Item(Base):
    """A product in a cart."""

    __tablename__ = "item"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"), {"schema": "carts"})
    cart_id: Mapped[str] = mapped_column(Id("crt"), ForeignKey(Cart.id, ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    quantity: Mapped[int]
    added_at: Mapped[Created]


@dataclass(frozen=True)
class Line:
    """An item as it is seen now. `available` is 0 for a product that is no longer sold."""

    product_id: str
    name: str
    quantity: int
    unit_price: int
    line_total: int
    currency: str
    available: int


@dataclass(frozen=True)
class View:
    """A cart as it is seen now; `total` in minor units."""

    items: list[Line]
    total: int
    currency: str


def open_cart(session: Session, user_id: str) -> str:
    """Gives the user an empty cart and returns its id; a second call returns the one that is there."""
    session.execute(insert(Cart).values(id=new_id("crt"), user_id=user_id).on_conflict_do_nothing())
    return session.scalars(select(Cart.id).where(Cart.user_id == user_id)).one()


def lock(session: Session, user_id: str) -> Cart:
    """The user's cart, locked; opened if there is none. To be taken before locks on orders, payments and stock."""
    query = select(Cart).where(Cart.user_id == user_id).with_for_update().execution_options(populate_existing=True)
    cart = session.scalars(query).one_or_none()
    if cart is None:
        open_cart(session, user_id)
        cart = session.scalars(query).one()
    return cart


def add(session: Session, user_id: str, product_id: str, quantity: int) -> None:
    """Puts `quantity` more pieces of a product in. Raises NotFound, and InsufficientStock with `available`."""
    cart = lock(session, user_id)
    there = select(Item.quantity).where(Item.cart_id == cart.id, Item.product_id == product_id)
    _put(session, cart, product_id, (session.scalars(there).one_or_none() or 0) + quantity)


def set_quantity(session: Session, user_id: str, product_id: str, quantity: int) -> None:
    """Makes it `quantity` pieces of a product that is in the cart.

    Raises NotFound, and InsufficientStock with `available`.
    """
    cart = lock(session, user_id)
    _item(session, cart, product_id)
    _put(session, cart, product_id, quantity)


def remove(session: Session, user_id: str, product_id: str, quantity: int | None = None) -> None:
    """Takes so many pieces out, or all for None and for more than there are. Raises NotFound."""
    cart = lock(session, user_id)
    item = _item(session, cart, product_id)
    _take(session, cart, {product_id: item.quantity if quantity is None else quantity})


def clear(session: Session, user_id: str) -> None:
    """Empties the cart; an empty one stays so."""
    cart = lock(session, user_id)
    session.execute(delete(Item).where(Item.cart_id == cart.id))
    cart.updated_at = datetime.now(UTC)


def take_out(session: Session, user_id: str, ordered: Mapping[str, int]) -> None:
    """Takes out what was ordered (product id → pieces). What was put in since then stays."""
    _take(session, lock(session, user_id), ordered)


def quantities(session: Session, user_id: str) -> dict[str, int]:
    """Product id → pieces in the user's cart, in the order in which they were put in."""
    query = select(Item.product_id, Item.quantity).join(Cart).where(Cart.user_id == user_id)
    rows = session.execute(query.order_by(Item.added_at, Item.product_id))
    return dict(rows.all())


def view(session: Session, user_id: str) -> View:
    """The cart with titles, prices and availability as they are now, in one statement. Without a cart: an empty one."""
    query = (
        select(
            Item.product_id, Item.quantity, Product.title, Product.price_amount, Product.currency,
            Product.deleted_at, inventory.available_of(Product.id).label("available"),
        )
        .join(Cart, Cart.id == Item.cart_id)
        .join(Product, Product.id == Item.product_id)
        .where(Cart.user_id == user_id)
        .order_by(Item.added_at, Item.product_id)
    )  # fmt: skip
    lines = [
        Line(
            product_id=row.product_id, name=row.title, quantity=row.quantity, unit_price=row.price_amount,
            line_total=row.price_amount * row.quantity, currency=row.currency,
            available=0 if row.deleted_at else row.available,
        )
        for row in session.execute(query)
    ]  # fmt: skip
    return View(lines, sum(line.line_total for line in lines), settings.currency)


def _put(session: Session, cart: Cart, product_id: str, quantity: int) -> None:
    get_product(session, product_id)
    there = inventory.available(session, [product_id])[product_id]
    if quantity > there:
        raise InsufficientStock(f"Only {there} of this product can be had.", available=there)
    new = insert(Item).values(cart_id=cart.id, product_id=product_id, quantity=quantity)
    session.execute(new.on_conflict_do_update(index_elements=["cart_id", "product_id"], set_={"quantity": quantity}))
    cart.updated_at = datetime.now(UTC)


def _take(session: Session, cart: Cart, pieces: Mapping[str, int]) -> None:
    taken = values(column("product_id", Item.product_id.type), column("quantity", Integer), name="taken")
    taken = taken.data(list(pieces.items()))
    item = (Item.cart_id == cart.id, Item.product_id == taken.c.product_id)
    session.execute(delete(Item).where(*item, Item.quantity <= taken.c.quantity))
    session.execute(update(Item).where(*item).values(quantity=Item.quantity - taken.c.quantity))
    cart.updated_at = datetime.now(UTC)


def _item(session: Session, cart: Cart, product_id: str) -> Item:
    item = session.get(Item, (cart.id, product_id), populate_existing=True)
    if item is None:
        raise NotFound("This product is not in the cart.")
    return item
