"""Views of a cart: current prices and availability, and changes since it was last shown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, select, text

from durable.ids import Id
from models import inventory
from models.carts.contents import CART_OF_HOLDER, holder_kind
from models.carts.tables import Cart, Item
from models.catalogue import Product
from models.core.database import Statements
from settings import settings

CHANGES = ("price", "availability", "gone")


@dataclass(frozen=True)
class Line:
    """A cart line with current data. `available` is 0 for a product that is no longer sold."""

    product_id: str
    name: str
    quantity: int
    unit_price: int
    line_total: int
    currency: str
    available: int


@dataclass(frozen=True)
class Change:
    """A change of a cart line since the cart was last shown. `before` and `now` are minor units for `price`, and
    available units for `availability` and `gone` (no longer sold)."""

    product_id: str
    kind: str
    before: int
    now: int


@dataclass(frozen=True)
class View:
    """A cart with current data. `total` is in minor units."""

    items: list[Line]
    total: int
    currency: str
    changes: list[Change] = field(default_factory=list)


_ROWS = {
    kind: select(
        Item.cart_id, Item.product_id, Item.quantity, Product.title, Product.price_amount.label("price"),
        Product.currency, Product.deleted_at, inventory.orderable_of(Product.id).label("available"),
        Item.seen_price, Item.seen_available,
    )
    .join(Cart, Cart.id == Item.cart_id)
    .join(Product, Product.id == Item.product_id)
    .where(held)
    .order_by(Item.added_at, Item.product_id)
    for kind, held in CART_OF_HOLDER.items()
}  # fmt: skip


def view(session: Statements, holder: str) -> View:
    """The cart with current titles, prices and availability, in one query, and the changes since the last call of
    `view_with_changes`. An empty view if there is no cart."""
    return _view(_rows(session, holder))


def view_with_changes(session: Statements, holder: str) -> View:
    """Like `view`, and records the shown values, so that the next call reports changes since this one."""
    rows = _rows(session, holder)
    changed = [row for row in rows if (row.seen_price, row.seen_available) != (row.price, _available(row))]
    if changed:
        session.execute(
            _RECORD_SHOWN,
            {"cart_id": rows[0].cart_id, "products": [row.product_id for row in changed],
             "prices": [row.price for row in changed], "pieces": [_available(row) for row in changed]},
        )  # fmt: skip
    return _view(rows)


# The cart is locked first; otherwise two concurrent calls could deadlock on its items.
_RECORD_SHOWN = text("""
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
    return list(session.execute(_ROWS[holder_kind(holder)], {"holder": holder}))


def _available(row: Any) -> int | None:
    """Available units; None for a product that is no longer sold."""
    return None if row.deleted_at else row.available


def _view(rows: list[Any]) -> View:
    lines = [
        Line(
            product_id=row.product_id, name=row.title, quantity=row.quantity, unit_price=row.price,
            line_total=row.price * row.quantity, currency=row.currency, available=_available(row) or 0,
        )
        for row in rows
    ]  # fmt: skip
    changes = [change for row in rows for change in _changes(row)]
    return View(lines, sum(line.line_total for line in lines), settings.currency, changes)


def _changes(row: Any) -> Iterator[Change]:
    if row.seen_price is None:
        return  # not shown yet
    before, now = row.seen_available, _available(row)
    if now is None:
        if before is not None:
            yield Change(row.product_id, "gone", before, 0)
        return
    if row.seen_price != row.price:
        yield Change(row.product_id, "price", row.seen_price, row.price)
    if before != now:
        yield Change(row.product_id, "availability", before or 0, now)
