"""Carts: what customers mean to buy, with prices and availability as they are at the moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Integer,
    Select,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import inventory
from models.catalogue import Product
from models.database import Base, Created, Id, Statements, new_id
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


def open_cart(session: Statements, user_id: str) -> str:
    """Gives the user an empty cart and returns its id; a second call returns the one that is there."""
    session.execute(insert(Cart).values(id=new_id("crt"), user_id=user_id).on_conflict_do_nothing())
    return session.execute(select(Cart.id).where(Cart.user_id == user_id)).scalar_one()


def add(session: Statements, user_id: str, product_id: str, quantity: int) -> None:
    """Puts `quantity` more pieces of a product in. Raises NotFound, and InsufficientStock with `available`.

    One statement, so that it can do without a transaction around it; another one first for the very first time.
    """
    row = {"owner": user_id, "product_id": product_id, "quantity": quantity}
    found = session.execute(_ADD, row).one()
    if found.cart_id is None:
        open_cart(session, user_id)
        found = session.execute(_ADD, row).one()
    if found.available is None:
        raise _no_product()
    if not found.written:
        raise _too_many(found.available)


def set_quantity(session: Session, user_id: str, product_id: str, quantity: int) -> None:
    """Makes it `quantity` pieces of a product that is in the cart.

    Raises NotFound, and InsufficientStock with `available`.
    """
    cart_id = _touch(session, user_id)
    _item(session, cart_id, product_id)
    _put(session, cart_id, product_id, quantity)


def remove(session: Session, user_id: str, product_id: str, quantity: int | None = None) -> None:
    """Takes so many pieces out, or all for None and for more than there are. Raises NotFound."""
    cart_id = _touch(session, user_id)
    item = _item(session, cart_id, product_id)
    _take(session, cart_id, {product_id: item.quantity if quantity is None else quantity})


def clear(session: Session, user_id: str) -> None:
    """Empties the cart; an empty one stays so."""
    session.execute(delete(Item).where(Item.cart_id == _touch(session, user_id)))


def take_out(session: Session, user_id: str, ordered: Mapping[str, int]) -> None:
    """Takes out what was ordered (product id → pieces). What was put in since then stays."""
    _take(session, _touch(session, user_id), ordered)


_QUANTITIES = (
    select(Item.product_id, Item.quantity)
    .join(Cart)
    .where(Cart.user_id == bindparam("user_id"))
    .order_by(Item.added_at, Item.product_id)
)


def quantities(session: Session, user_id: str) -> dict[str, int]:
    """Product id → pieces in the user's cart, in the order in which they were put in."""
    return dict(session.execute(_QUANTITIES, {"user_id": user_id}).all())


_VIEW = (
    select(
        Item.product_id, Item.quantity, Product.title, Product.price_amount, Product.currency,
        Product.deleted_at, inventory.available_of(Product.id).label("available"),
    )
    .join(Cart, Cart.id == Item.cart_id)
    .join(Product, Product.id == Item.product_id)
    .where(Cart.user_id == bindparam("user_id"))
    .order_by(Item.added_at, Item.product_id)
)  # fmt: skip


def view(session: Statements, user_id: str) -> View:
    """The cart with titles, prices and availability as they are now, in one statement. Without a cart: an empty one."""
    lines = [
        Line(
            product_id=row.product_id, name=row.title, quantity=row.quantity, unit_price=row.price_amount,
            line_total=row.price_amount * row.quantity, currency=row.currency,
            available=0 if row.deleted_at else row.available,
        )
        for row in session.execute(_VIEW, {"user_id": user_id})
    ]  # fmt: skip
    return View(lines, sum(line.line_total for line in lines), settings.currency)


def forget_user(session: Session, user_id: str) -> None:
    """Deletes the user's cart with what is in it, if there is one."""
    session.execute(delete(Cart).where(Cart.user_id == user_id))


_TOUCH = update(Cart).where(Cart.user_id == bindparam("owner")).values(updated_at=func.now()).returning(Cart.id)


def _touch(session: Session, user_id: str) -> str:
    """Locks the user's cart, notes that it changes, and returns its id; opens one if there is none.

    Comes before locks on orders, payments and stock.
    """
    connection = session.connection()
    cart_id: str | None = connection.scalar(_TOUCH, {"owner": user_id})
    if cart_id is None:
        cart_id = open_cart(session, user_id)
        connection.execute(_TOUCH, {"owner": user_id})  # somebody else may have opened it, and hold its lock
    return cart_id


_ON_OFFER = select(inventory.available_of(Product.id)).where(
    Product.id == bindparam("product_id"), Product.deleted_at.is_(None)
)


def _adding() -> Select[str | None, int | None, bool]:
    """The statement of `add`: locks the cart, then writes the item and notes the change, or else neither.

    What is there already is added up by ON CONFLICT, which sees the row as it is once the lock is had.
    """
    cart = select(Cart.id).where(Cart.user_id == bindparam("owner")).with_for_update().cte("cart")
    offered = Product.id == bindparam("product_id"), Product.deleted_at.is_(None)
    offer = select(Product.id, inventory.available_of(Product.id).label("available")).where(*offered).cte("offer")
    available = select(offer.c.available).scalar_subquery()
    pieces = bindparam("quantity", type_=Integer)
    fits = (
        select(cart.c.id, offer.c.id, pieces).select_from(cart.join(offer, true())).where(pieces <= offer.c.available)
    )
    new = insert(Item).from_select(["cart_id", "product_id", "quantity"], fits)
    total = Item.quantity + new.excluded.quantity
    new = new.on_conflict_do_update(
        index_elements=["cart_id", "product_id"], set_={"quantity": total}, where=total <= available
    )
    written = new.returning(Item.cart_id).cte("written")
    touched = update(Cart).where(Cart.id == written.c.cart_id).values(updated_at=func.now()).returning(Cart.id)
    return select(
        select(cart.c.id).scalar_subquery().label("cart_id"),
        available.label("available"),
        exists(touched.cte("touched").select()).label("written"),
    )


_ADD = _adding()


def _put(session: Session, cart_id: str, product_id: str, quantity: int) -> None:
    """Makes it `quantity` pieces. The caller holds the cart's lock."""
    row = {"cart_id": cart_id, "product_id": product_id}
    available = session.execute(_ON_OFFER, {"product_id": product_id}).scalar_one_or_none()
    if available is None:
        raise _no_product()
    if quantity > available:
        raise _too_many(available)
    session.connection().execute(_WRITE, {**row, "quantity": quantity})


def _no_product() -> NotFound:
    return NotFound("There is no such product.")


def _too_many(available: int) -> InsufficientStock:
    return InsufficientStock(f"Only {available} of this product can be had.", available=available)


_NEW = insert(Item).values({name: bindparam(name) for name in ("cart_id", "product_id", "quantity")})
_WRITE = _NEW.on_conflict_do_update(index_elements=["cart_id", "product_id"], set_={"quantity": _NEW.excluded.quantity})

# A statement of its own after the cart's lock was had, so that it sees what was put in while it waited.
_TAKE = text("""
    WITH taken AS (
        SELECT product_id, quantity FROM unnest(:products, :quantities) AS line (product_id, quantity)
    ), emptied AS (
        DELETE FROM carts.item USING taken
        WHERE cart_id = :cart_id AND item.product_id = taken.product_id AND item.quantity <= taken.quantity
    )
    UPDATE carts.item SET quantity = item.quantity - taken.quantity FROM taken
    WHERE cart_id = :cart_id AND item.product_id = taken.product_id AND item.quantity > taken.quantity
""").bindparams(
    bindparam("cart_id", type_=Id("crt")),
    bindparam("products", type_=ARRAY(Id("prd"))),
    bindparam("quantities", type_=ARRAY(Integer)),
)


def _take(session: Session, cart_id: str, pieces: Mapping[str, int]) -> None:
    """Takes pieces out. The caller holds the cart's lock."""
    values = {"cart_id": cart_id, "products": list(pieces), "quantities": list(pieces.values())}
    session.execute(_TAKE, values)


def _item(session: Session, cart_id: str, product_id: str) -> Item:
    item = session.get(Item, (cart_id, product_id), populate_existing=True)
    if item is None:
        raise NotFound("This product is not in the cart.")
    return item
