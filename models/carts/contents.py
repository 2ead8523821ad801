"""The contents of carts.

`holder` identifies the cart: the id of a customer, or the id of a guest cart.
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
from models.core.database import Statements, transaction
from models.core.errors import Conflict, InsufficientStock, NotFound, NotSignedIn
from settings import settings

AT_ONCE = 1000
"""More statements than the API runs at the same time."""
CART_OF_HOLDER: dict[str, ColumnElement[bool]] = {
    "usr": Cart.user_id == bindparam("holder"),
    "crt": (Cart.id == bindparam("holder")) & Cart.user_id.is_(None),  # customers' carts are found by user only
}
"""Prefix of the holder's id → condition for the cart."""


def holder_kind(holder: str) -> str:
    """The key of a holder's id in HELD."""
    return holder.partition("_")[0]


def open_cart(session: Statements, user_id: str) -> str:
    """Creates the user's cart if missing, and returns its id."""
    session.execute(insert(Cart).values(id=new_id("crt"), user_id=user_id).on_conflict_do_nothing())
    return session.execute(select(Cart.id).where(Cart.user_id == user_id)).scalar_one()


def add(session: Statements, holder: str, product_id: str, quantity: int) -> None:
    """Adds units of a product. Raises NotFound, InsufficientStock with `available`, and Conflict `cart_full`.

    A single statement that needs no transaction; a customer's first call needs another one. Concurrent statements do
    not count each other's new items: so one that could be the last takes the cart's lock first.
    """
    if _add(session, holder, product_id, quantity, settings.cart_items - AT_ONCE):
        return
    if isinstance(session, Session):
        _add_to_full(session, holder, product_id, quantity)
    else:
        with transaction() as own:
            _add_to_full(own, holder, product_id, quantity)


def _add_to_full(session: Session, holder: str, product_id: str, quantity: int) -> None:
    lock_and_touch(session, holder)
    if not _add(session, holder, product_id, quantity, settings.cart_items):
        detail = "The cart has as many products as the shop allows. Remove one first."
        raise Conflict(detail, code="cart_full", limit=settings.cart_items)


def _add(session: Statements, holder: str, product_id: str, quantity: int, most: int) -> bool:
    """Whether the cart has the product or fewer than `most` others, so that the units were added."""
    adding = _ADD[holder_kind(holder)]
    row = {"holder": holder, "product_id": product_id, "quantity": quantity, "most": most}
    found = session.execute(adding, row).one()
    if found.cart_id is None:
        if holder_kind(holder) == "crt":
            raise invalid_cart_token()
        open_cart(session, holder)
        found = session.execute(adding, row).one()
    if found.available is None:
        raise _unknown_product()
    if not found.has_room:
        return False
    if not found.written:
        raise _insufficient_stock(found.available)
    return True


def set_quantity(session: Session, holder: str, product_id: str, quantity: int) -> None:
    """Sets the quantity of a product that is in the cart.

    Raises NotFound, and InsufficientStock with `available`.
    """
    cart_id = lock_and_touch(session, holder)
    _item(session, cart_id, product_id)
    _write_quantity(session, cart_id, product_id, quantity)


def remove(session: Session, holder: str, product_id: str, quantity: int | None = None) -> None:
    """Removes units of a product, at most all of them; None removes all. Raises NotFound."""
    cart_id = lock_and_touch(session, holder)
    item = _item(session, cart_id, product_id)
    _remove_units(session, {product_id: item.quantity if quantity is None else quantity}, cart_id=cart_id)


def clear(session: Session, holder: str) -> None:
    """Empties the cart. Idempotent."""
    session.execute(delete(Item).where(Item.cart_id == lock_and_touch(session, holder)))


def remove_ordered(session: Session, user_id: str, order_id: str, ordered: Mapping[str, int]) -> None:
    """Removes the ordered quantities (product id → units) and detaches the order from the cart.

    Units that were added since the order remain.
    """
    _remove_units(session, ordered, user_id=user_id, order_id=order_id)


def release(session: Session, user_id: str, order_id: str) -> None:
    """Detaches a cancelled order from the cart; its items remain. Idempotent."""
    held = Cart.user_id == user_id, Cart.order_id == order_id
    session.execute(update(Cart).where(*held).values(order_id=None))


def erase_user(session: Session, user_id: str) -> None:
    """Deletes the user's cart with its items. Guest carts contain no personal data."""
    session.execute(delete(Cart).where(Cart.user_id == user_id))


_QUANTITIES = {
    kind: select(Item.product_id, Item.quantity).join(Cart).where(held).order_by(Item.added_at, Item.product_id)
    for kind, held in CART_OF_HOLDER.items()
}


def get_quantities(session: Statements, holder: str) -> dict[str, int]:
    """Product id → quantity, in the order in which the products were added."""
    return dict(session.execute(_QUANTITIES[holder_kind(holder)], {"holder": holder}).all())


_TOUCH = {
    kind: update(Cart).where(held).values(updated_at=func.now()).returning(Cart.id)
    for kind, held in CART_OF_HOLDER.items()
}


def lock_and_touch(session: Session, holder: str) -> str:
    """Locks the cart, updates its timestamp and returns its id. A customer without a cart gets one.

    Lock order: before locks on orders, payments and stock. Raises NotSignedIn for a guest cart that is gone.
    """
    connection = session.connection()
    touching = _TOUCH[holder_kind(holder)]
    cart_id: str | None = connection.scalar(touching, {"holder": holder})
    if cart_id is None:
        if holder_kind(holder) == "crt":
            raise invalid_cart_token()
        cart_id = open_cart(session, holder)
        connection.execute(touching, {"holder": holder})  # a concurrent request may have created it and hold its lock
    return cart_id


def invalid_cart_token() -> NotSignedIn:
    """The same error for an unknown token and for a cart that was merged or has expired."""
    detail = "The cart token is invalid: the cart has expired, was merged or never existed."
    return NotSignedIn(detail, code="invalid_cart_token")


_OFFERED = Product.id == bindparam("product_id"), Product.deleted_at.is_(None)
_ON_OFFER = select(Product.price_amount, inventory.orderable_of(Product.id).label("available")).where(*_OFFERED)
_WRITTEN = ("cart_id", "product_id", "quantity", "seen_price", "seen_available")


def _add_statement(held: ColumnElement[bool]) -> Select[str | None, int | None, bool, bool]:
    """The statement of `add`: locks the cart, then inserts the item and updates the cart's timestamp, or neither.

    ON CONFLICT adds to an existing quantity; it sees the row as of the time the lock is acquired. The seen price and
    availability of an existing item are kept, because they may have changed since.
    """
    cart = select(Cart.id).where(held).with_for_update().cte("cart")
    pieces = inventory.orderable_of(Product.id).label("available")
    offer = select(Product.id, Product.price_amount, pieces).where(*_OFFERED).cte("offer")
    available = select(offer.c.available).scalar_subquery()
    wanted = bindparam("quantity", type_=Integer)
    mine = select(func.count()).where(Item.cart_id == cart.c.id)
    known = mine.where(Item.product_id == bindparam("product_id")).scalar_subquery()
    has_room = (mine.scalar_subquery() < bindparam("most", type_=Integer)) | (known > 0)
    row = cart.c.id, offer.c.id, wanted, offer.c.price_amount, offer.c.available
    fits = select(*row).select_from(cart.join(offer, true())).where(wanted <= offer.c.available, has_room)
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
        select(has_room).select_from(cart).scalar_subquery().label("has_room"),
        exists(touched.cte("touched").select()).label("written"),
    )


_ADD = {kind: _add_statement(held) for kind, held in CART_OF_HOLDER.items()}


def _write_quantity(session: Session, cart_id: str, product_id: str, quantity: int) -> None:
    """Sets the quantity of a product. The caller holds the cart's lock."""
    offer = session.execute(_ON_OFFER, {"product_id": product_id}).one_or_none()
    if offer is None:
        raise _unknown_product()
    if quantity > offer.available:
        raise _insufficient_stock(offer.available)
    row = cart_id, product_id, quantity, offer.price_amount, offer.available
    session.connection().execute(_WRITE, dict(zip(_WRITTEN, row, strict=True)))


def _unknown_product() -> NotFound:
    return NotFound("No such product.")


def _insufficient_stock(available: int) -> InsufficientStock:
    return InsufficientStock(f"Only {available} units of this product are available.", available=available)


_NEW = insert(Item).values({name: bindparam(name) for name in _WRITTEN})
_WRITE = _NEW.on_conflict_do_update(index_elements=["cart_id", "product_id"], set_={"quantity": _NEW.excluded.quantity})

# A single statement, correct under concurrency: conditions are re-evaluated on a row that changed while the lock was
# waited for (PostgreSQL manual, 13.2.1, on MERGE), and rows inserted since are not visible.
_REMOVE_UNITS = text("""
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


def _remove_units(
    session: Session,
    pieces: Mapping[str, int],
    *,
    cart_id: str | None = None,
    user_id: str | None = None,
    order_id: str | None = None,
) -> None:
    """Removes units from a cart, given by id or by user, and updates its timestamp."""
    lines = {"products": list(pieces), "quantities": list(pieces.values())}
    session.connection().execute(_REMOVE_UNITS, {"cart_id": cart_id, "user_id": user_id, "order_id": order_id, **lines})


def _item(session: Session, cart_id: str, product_id: str) -> Item:
    item = session.get(Item, (cart_id, product_id), populate_existing=True)
    if item is None:
        raise NotFound("The product is not in the cart.")
    return item
