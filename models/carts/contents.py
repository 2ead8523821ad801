"""What lies in a cart, and what becomes of it.

`holder` says whose cart is meant: it is a customer's id, or the id of a guest's cart.
"""

from collections.abc import Mapping

from sqlalchemy import (
    ARRAY,
    ColumnElement,
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
from sqlalchemy.orm import Session

from durable.ids import Id, new_id
from models import inventory
from models.carts.tables import Cart, Item
from models.catalogue import Product
from models.core.database import Statements
from models.core.errors import InsufficientStock, NotFound, NotSignedIn

HELD: dict[str, ColumnElement[bool]] = {
    "usr": Cart.user_id == bindparam("holder"),
    "crt": (Cart.id == bindparam("holder")) & Cart.user_id.is_(None),  # a customer's cart has no other key
}
"""Prefix of a holder's id → which cart is meant."""


def kind_of(holder: str) -> str:
    """Which entry of HELD a holder's id belongs to."""
    return holder.partition("_")[0]


def open_cart(session: Statements, user_id: str) -> str:
    """Gives the user an empty cart and returns its id; a second call returns the one that is there."""
    session.execute(insert(Cart).values(id=new_id("crt"), user_id=user_id).on_conflict_do_nothing())
    return session.execute(select(Cart.id).where(Cart.user_id == user_id)).scalar_one()


def add(session: Statements, holder: str, product_id: str, quantity: int) -> None:
    """Puts `quantity` more pieces of a product in. Raises NotFound, and InsufficientStock with `available`.

    One statement, so that it can do without a transaction around it; another one first for the very first time.
    """
    adding, row = _ADD[kind_of(holder)], {"holder": holder, "product_id": product_id, "quantity": quantity}
    found = session.execute(adding, row).one()
    if found.cart_id is None:
        if kind_of(holder) == "crt":
            raise no_such_cart()
        open_cart(session, holder)
        found = session.execute(adding, row).one()
    if found.available is None:
        raise _no_product()
    if not found.written:
        raise _too_many(found.available)


def set_quantity(session: Session, holder: str, product_id: str, quantity: int) -> None:
    """Makes it `quantity` pieces of a product that is in the cart.

    Raises NotFound, and InsufficientStock with `available`.
    """
    cart_id = lock_and_touch(session, holder)
    _item(session, cart_id, product_id)
    _put(session, cart_id, product_id, quantity)


def remove(session: Session, holder: str, product_id: str, quantity: int | None = None) -> None:
    """Takes so many pieces out, or all for None and for more than there are. Raises NotFound."""
    cart_id = lock_and_touch(session, holder)
    item = _item(session, cart_id, product_id)
    _take(session, {product_id: item.quantity if quantity is None else quantity}, cart_id=cart_id)


def clear(session: Session, holder: str) -> None:
    """Empties the cart; an empty one stays so."""
    session.execute(delete(Item).where(Item.cart_id == lock_and_touch(session, holder)))


def remove_ordered(session: Session, user_id: str, order_id: str, ordered: Mapping[str, int]) -> None:
    """Takes out what was ordered (product id → pieces), and ends the order's hold on the cart.

    What was put in since then stays.
    """
    _take(session, ordered, user_id=user_id, order_id=order_id)


def release(session: Session, user_id: str, order_id: str) -> None:
    """Ends the hold of an order that came to nothing; its lines stay in the cart. Does nothing if there is none."""
    held = Cart.user_id == user_id, Cart.order_id == order_id
    session.execute(update(Cart).where(*held).values(order_id=None))


def erase_user(session: Session, user_id: str) -> None:
    """Deletes the user's cart with what is in it, if there is one. A guest's cart holds nothing of a person."""
    session.execute(delete(Cart).where(Cart.user_id == user_id))


_QUANTITIES = {
    kind: select(Item.product_id, Item.quantity).join(Cart).where(held).order_by(Item.added_at, Item.product_id)
    for kind, held in HELD.items()
}


def get_quantities(session: Session, holder: str) -> dict[str, int]:
    """Product id → pieces in the cart, in the order in which they were put in."""
    return dict(session.execute(_QUANTITIES[kind_of(holder)], {"holder": holder}).all())


_TOUCH = {
    kind: update(Cart).where(held).values(updated_at=func.now()).returning(Cart.id) for kind, held in HELD.items()
}


def lock_and_touch(session: Session, holder: str) -> str:
    """Locks the cart, notes that it changes, and returns its id; a customer who has none gets one.

    Comes before locks on orders, payments and stock. Raises NotSignedIn for a guest's cart that is gone.
    """
    connection = session.connection()
    touching = _TOUCH[kind_of(holder)]
    cart_id: str | None = connection.scalar(touching, {"holder": holder})
    if cart_id is None:
        if kind_of(holder) == "crt":
            raise no_such_cart()
        cart_id = open_cart(session, holder)
        connection.execute(touching, {"holder": holder})  # somebody else may have opened it, and hold its lock
    return cart_id


def no_such_cart() -> NotSignedIn:
    """The one refusal for a token that was never given out, and for a cart that was merged or has expired."""
    detail = "This cart token is not valid, or not any more: the cart has expired, or is a customer's now."
    return NotSignedIn(detail, code="invalid_cart_token")


_OFFERED = Product.id == bindparam("product_id"), Product.deleted_at.is_(None)
_ON_OFFER = select(Product.price_amount, inventory.available_of(Product.id).label("available")).where(*_OFFERED)
_WRITTEN = ("cart_id", "product_id", "quantity", "seen_price", "seen_available")


def _adding(held: ColumnElement[bool]) -> Select[str | None, int | None, bool]:
    """The statement of `add`: locks the cart, then writes the item and notes the change, or else neither.

    What is there already is added up by ON CONFLICT, which sees the row as it is once the lock is had; and it
    keeps what was seen of it, for it may have changed since.
    """
    cart = select(Cart.id).where(held).with_for_update().cte("cart")
    pieces = inventory.available_of(Product.id).label("available")
    offer = select(Product.id, Product.price_amount, pieces).where(*_OFFERED).cte("offer")
    available = select(offer.c.available).scalar_subquery()
    wanted = bindparam("quantity", type_=Integer)
    row = cart.c.id, offer.c.id, wanted, offer.c.price_amount, offer.c.available
    fits = select(*row).select_from(cart.join(offer, true())).where(wanted <= offer.c.available)
    new = insert(Item).from_select(_WRITTEN, fits)
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


_ADD = {kind: _adding(held) for kind, held in HELD.items()}


def _put(session: Session, cart_id: str, product_id: str, quantity: int) -> None:
    """Makes it `quantity` pieces. The caller holds the cart's lock."""
    offer = session.execute(_ON_OFFER, {"product_id": product_id}).one_or_none()
    if offer is None:
        raise _no_product()
    if quantity > offer.available:
        raise _too_many(offer.available)
    row = cart_id, product_id, quantity, offer.price_amount, offer.available
    session.connection().execute(_WRITE, dict(zip(_WRITTEN, row, strict=True)))


def _no_product() -> NotFound:
    return NotFound("There is no such product.")


def _too_many(available: int) -> InsufficientStock:
    return InsufficientStock(f"Only {available} of this product can be had.", available=available)


_NEW = insert(Item).values({name: bindparam(name) for name in _WRITTEN})
_WRITE = _NEW.on_conflict_do_update(index_elements=["cart_id", "product_id"], set_={"quantity": _NEW.excluded.quantity})

# One statement, exact whatever waits: the conditions are looked at again on a row that changed while the cart's lock
# was waited for (PostgreSQL's manual, 13.2.1, on MERGE), and one that was put in since is not seen.
_TAKE = text("""
    WITH cart AS (
        UPDATE carts.cart SET updated_at = now(), order_id = nullif(order_id, :order_id)
        WHERE id = coalesce(:cart_id, (SELECT id FROM carts.cart WHERE user_id = :user_id)) RETURNING id
    ), taken AS (
        SELECT cart.id AS cart_id, product_id, quantity
        FROM cart, unnest(:products, :quantities) AS line (product_id, quantity)
    )
    MERGE INTO carts.item USING taken ON item.cart_id = taken.cart_id AND item.product_id = taken.product_id
    WHEN MATCHED AND item.quantity <= taken.quantity THEN DELETE
    WHEN MATCHED THEN UPDATE SET quantity = item.quantity - taken.quantity
""").bindparams(
    bindparam("cart_id", type_=Id("crt")),
    bindparam("user_id", type_=Id("usr")),
    bindparam("order_id", type_=Id("ord")),
    bindparam("products", type_=ARRAY(Id("prd"))),
    bindparam("quantities", type_=ARRAY(Integer)),
)


def _take(
    session: Session,
    pieces: Mapping[str, int],
    *,
    cart_id: str | None = None,
    user_id: str | None = None,
    order_id: str | None = None,
) -> None:
    """Takes pieces out of that cart, or of that user's if there is one, and notes that it changes."""
    lines = {"products": list(pieces), "quantities": list(pieces.values())}
    session.connection().execute(_TAKE, {"cart_id": cart_id, "user_id": user_id, "order_id": order_id, **lines})


def _item(session: Session, cart_id: str, product_id: str) -> Item:
    item = session.get(Item, (cart_id, product_id), populate_existing=True)
    if item is None:
        raise NotFound("This product is not in the cart.")
    return item
