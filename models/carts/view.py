"""Looking at a cart: prices and availability as they are at the moment, and what has changed since the last look."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, select, text

from durable.ids import Id
from models import inventory
from models.carts.contents import HELD, kind_of
from models.carts.tables import Cart, Item
from models.catalogue import Product
from models.core.database import Statements
from settings import settings

CHANGES = ("price", "availability", "gone")


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
class Change:
    """What has become of an item since the last look. `before` and `now` are minor units for a `price`, and pieces
    that can be sold for `availability` and for `gone`: a product that is no longer sold."""

    product_id: str
    kind: str
    before: int
    now: int


@dataclass(frozen=True)
class View:
    """A cart as it is seen now; `total` in minor units."""

    items: list[Line]
    total: int
    currency: str
    changes: list[Change] = field(default_factory=list)


_ROWS = {
    kind: select(
        Item.cart_id, Item.product_id, Item.quantity, Product.title, Product.price_amount.label("price"),
        Product.currency, Product.deleted_at, inventory.available_of(Product.id).label("available"),
        Item.seen_price, Item.seen_available,
    )
    .join(Cart, Cart.id == Item.cart_id)
    .join(Product, Product.id == Item.product_id)
    .where(held)
    .order_by(Item.added_at, Item.product_id)
    for kind, held in HELD.items()
}  # fmt: skip


def view(session: Statements, holder: str) -> View:
    """The cart with titles, prices and availability as they are now, in one statement, and what has changed since
    the last `view_with_changes`. Without a cart: an empty one."""
    return _view(_rows(session, holder))


def view_with_changes(session: Statements, holder: str) -> View:
    """As `view`, and notes what was seen: the next look tells what has changed since this one."""
    rows = _rows(session, holder)
    news = [row for row in rows if (row.seen_price, row.seen_available) != (row.price, _to_be_had(row))]
    if news:
        session.execute(
            _NOTE,
            {"cart_id": rows[0].cart_id, "products": [row.product_id for row in news],
             "prices": [row.price for row in news], "pieces": [_to_be_had(row) for row in news]},
        )  # fmt: skip
    return _view(rows)


# The cart is locked first: two looks would wait for each other's items.
_NOTE = text("""
    WITH cart AS MATERIALIZED (SELECT id FROM carts.cart WHERE id = :cart_id FOR NO KEY UPDATE)
    UPDATE carts.item SET seen_price = seen.price, seen_available = seen.available
    FROM cart, unnest(:products, :prices, :pieces) AS seen (product_id, price, available)
    WHERE item.cart_id = cart.id AND item.product_id = seen.product_id
""").bindparams(
    bindparam("cart_id", type_=Id("crt")),
    bindparam("products", type_=ARRAY(Id("prd"))),
    bindparam("prices", type_=ARRAY(BigInteger)),
    bindparam("pieces", type_=ARRAY(Integer)),
)


def _rows(session: Statements, holder: str) -> list[Any]:
    return list(session.execute(_ROWS[kind_of(holder)], {"holder": holder}))


def _to_be_had(row: Any) -> int | None:
    """Pieces that can be sold now; None for a product that is no longer sold."""
    return None if row.deleted_at else row.available


def _view(rows: list[Any]) -> View:
    lines = [
        Line(
            product_id=row.product_id, name=row.title, quantity=row.quantity, unit_price=row.price,
            line_total=row.price * row.quantity, currency=row.currency, available=_to_be_had(row) or 0,
        )
        for row in rows
    ]  # fmt: skip
    changes = [change for row in rows for change in _changes(row)]
    return View(lines, sum(line.line_total for line in lines), settings.currency, changes)


def _changes(row: Any) -> Iterator[Change]:
    if row.seen_price is None:
        return  # nobody has looked at it yet
    before, now = row.seen_available, _to_be_had(row)
    if now is None:
        if before is not None:
            yield Change(row.product_id, "gone", before, 0)
        return
    if row.seen_price != row.price:
        yield Change(row.product_id, "price", row.seen_price, row.price)
    if before != now:
        yield Change(row.product_id, "availability", before or 0, now)
