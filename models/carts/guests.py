"""Guest carts: the token grants access to the cart until it is merged into a customer's."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from durable.ids import new_id
from models import inventory
from models.carts.contents import invalid_cart_token, lock_and_touch
from models.carts.tables import Cart, Item
from models.catalogue import Product
from models.core.database import Statements
from models.core.tokens import digest
from settings import settings


@dataclass(frozen=True)
class Shortage:
    """A product whose quantity after the merge is less than the sum of both carts."""

    product_id: str
    name: str
    wanted: int
    quantity: int


@dataclass(frozen=True)
class MergeResult:
    """The result of a merge: the units added, and the products with insufficient stock."""

    added: int
    short: list[Shortage]


def open_guest_cart(session: Session) -> tuple[str, str]:
    """Creates a guest cart. Returns its id and its token, which cannot be retrieved later."""
    token = secrets.token_urlsafe(32)
    session.add(cart := Cart(id=new_id("crt"), token_hash=digest(token)))
    session.flush()
    return cart.id, token


def find_guest_cart(session: Statements, token: str) -> str:
    """Returns the id of the guest cart with the token. Raises NotSignedIn if it does not exist."""
    found = _find(session, token)
    if found is None:
        raise invalid_cart_token()
    return found


def merge(session: Session, user_id: str, token: str) -> MergeResult | None:
    """Moves the items of a guest cart into the customer's cart and deletes the guest cart.

    Quantities are added up to the available stock, and products up to the size of a cart; the customer's previous
    quantities are never reduced. Returns None if the guest cart does not exist, so the function is idempotent. Locks
    the customer's cart, then the guest's.
    """
    if _find(session, token) is None:
        return None
    own = lock_and_touch(session, user_id)
    guest_id = session.scalars(_live(token).with_for_update()).one_or_none()
    if guest_id is None:
        return None  # merged by a concurrent request
    added, short, rows = 0, [], []
    free = settings.cart_items - session.scalars(select(func.count()).where(Item.cart_id == own)).one()
    for item, name, had, room in session.execute(_select_items_to_merge(own, guest_id)):
        wanted = had + item.quantity
        quantity = max(had, min(wanted, room if had or free > 0 else 0))
        free -= had == 0 and quantity > 0
        added += quantity - had
        if quantity < wanted:
            short.append(Shortage(item.product_id, name, wanted, quantity))
        if quantity > had:
            kept = {column: getattr(item, column) for column in _KEPT}
            rows.append({"cart_id": own, "quantity": quantity, **kept})
    if rows:
        new = insert(Item)
        more = new.on_conflict_do_update(
            index_elements=["cart_id", "product_id"], set_={"quantity": new.excluded.quantity}
        )
        session.connection().execute(more, rows)
    session.execute(delete(Cart).where(Cart.id == guest_id))
    return MergeResult(added, short)


_KEPT = ("product_id", "added_at", "seen_price", "seen_available")


def _select_items_to_merge(own: str, guest_id: str) -> Select[Item, str, int, int]:
    """The guest's items, each with title, the quantity in the customer's cart, and available units."""
    mine = aliased(Item)
    room = case((Product.deleted_at.is_(None), inventory.orderable_of(Product.id)), else_=0)
    return (
        select(Item, Product.title, func.coalesce(mine.quantity, 0), room)
        .join(Product, Product.id == Item.product_id)
        .outerjoin(mine, (mine.cart_id == own) & (mine.product_id == Item.product_id))
        .where(Item.cart_id == guest_id)
        .order_by(Item.added_at, Item.product_id)
    )


def _find(session: Statements, token: str) -> str | None:
    return session.execute(_live(token)).scalar_one_or_none()


def _live(token: str) -> Select[str]:
    kept = func.now() - timedelta(days=settings.guest_cart_days)
    return select(Cart.id).where(Cart.token_hash == digest(token), Cart.updated_at > kept)
