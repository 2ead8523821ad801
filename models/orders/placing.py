"""Placing an order: a cart is frozen into an order, whose checkout starts."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, String, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

import durable
from durable.ids import Id, new_id
from models import carts, payments
from models.core import event_log
from models.core.errors import Conflict
from models.core.events import OrderCreated
from models.orders.tables import Order
from settings import settings

# One statement locks the cart, assigns it to the order unless it has one, and reads its lines. It locks the lines as
# well: a locking read returns a row as it is after the wait for the lock (PostgreSQL's manual, 13.2.1).
_CART = (
    text("""
    WITH cart AS (
        UPDATE carts.cart SET order_id = coalesce(order_id, :order_id) WHERE user_id = :user_id RETURNING id, order_id
    )
    SELECT cart.order_id, item.product_id, item.quantity, product.sku, product.title,
           product.price_amount AS unit_price, product.deleted_at
    FROM cart JOIN carts.item ON item.cart_id = cart.id JOIN catalogue.product ON product.id = item.product_id
    ORDER BY item.added_at, item.product_id
    FOR NO KEY UPDATE OF item
""")
    .bindparams(bindparam("order_id", type_=Id("ord")), bindparam("user_id", type_=Id("usr")))
    .columns(order_id=Id("ord"), product_id=Id("prd"))
)
_UNDER_WAY = (
    select(Order.id, Order.run_id)
    .join(carts.Cart, carts.Cart.order_id == Order.id)
    .where(carts.Cart.user_id == bindparam("user_id"))
)
MAX_TOTAL = 10**12
"""Minor units of an order. Amounts of orders and their sums stay far below the range of a bigint."""
_FROZEN = ("product_id", "quantity", "sku", "title", "unit_price")


@dataclass(frozen=True)
class Placed:
    """A new order, its total in minor units, and the run of its checkout."""

    id: str
    total: int
    run_id: str


class InProgress(Conflict):
    """The cart is already being checked out; `extra` has the `order_id` and the `task_id` of that checkout."""


# The order, its lines and its event in one statement: as ORM objects they took three times as long.
_PLACE = text(f"""
    WITH placed AS (
        INSERT INTO orders."order" (id, user_id, first_name, last_name, run_id, total, currency, address)
        SELECT :order_id, :user_id, customer.first_name, customer.last_name, :run_id, :total, :currency, :address
        FROM (SELECT) AS one LEFT JOIN accounts.user AS customer ON customer.id = :user_id RETURNING id
    ), event AS (
        {event_log.INSERT}
    )
    INSERT INTO orders.line (order_id, product_id, sku, title, quantity, unit_price)
    SELECT placed.id, line.* FROM placed, unnest(:product_id, :sku, :title, :quantity, :unit_price) AS line
""").bindparams(  # noqa: S608, our own words
    *event_log.PARAMETERS,
    bindparam("order_id", type_=Id("ord")),
    bindparam("user_id", type_=Id("usr")),
    bindparam("run_id", type_=Id("run")),
    bindparam("total", type_=BigInteger),
    bindparam("address", type_=JSONB),
    bindparam("product_id", type_=ARRAY(Id("prd"))),
    bindparam("sku", type_=ARRAY(String)),
    bindparam("title", type_=ARRAY(String)),
    bindparam("quantity", type_=ARRAY(Integer)),
    bindparam("unit_price", type_=ARRAY(BigInteger)),
)


def place(
    session: Session, user_id: str, address: dict[str, Any], method: str, *, gateway: str = payments.GATEWAY,
    return_url: str | None = None, order_id: str | None = None,
) -> Placed:  # fmt: skip
    """Freezes the user's cart into an order, opens its payment and starts its `checkout`.

    `method` is a payment method of the provider `gateway`, which sends customers who had to confirm the payment back to
    `return_url`; None: the customer is absent, and a payment that has to be confirmed is declined. `order_id`: a new
    id, of a caller whose `return_url` names the order. The run reserves the stock and authorises the payment. Raises
    Conflict (`cart_empty`, `product_unavailable`, `too_many_lines`, `order_too_large`), and InProgress while another
    order of this cart is pending.
    """
    connection, order_id = session.connection(), order_id or new_id("ord")
    items = connection.execute(_CART, {"user_id": user_id, "order_id": order_id}).all()
    if not items or items[0].order_id != order_id:
        raise _nothing_to_order(session, user_id)
    gone = [item.product_id for item in items if item.deleted_at is not None]
    if gone:
        raise Conflict("The cart contains products that are no longer sold.", code="product_unavailable", products=gone)
    if len(items) > settings.order_lines:
        detail = "The cart has more products than an order can have lines. Check out fewer of them."
        raise Conflict(detail, code="too_many_lines", limit=settings.order_lines)
    total = sum(item.unit_price * item.quantity for item in items)
    if total > MAX_TOTAL:
        detail = "The total is more than an order can have. Check out fewer goods."
        raise Conflict(detail, code="order_too_large", limit=MAX_TOTAL)
    payment_id = payments.open_payment(
        session, order_id, total, settings.currency, method, gateway=gateway, return_url=return_url
    )
    about = {"order_id": order_id, "user_id": user_id}
    quantities = {item.product_id: item.quantity for item in items}
    run_id = durable.start(
        session, "checkout", key=order_id, input={**about, "payment_id": payment_id, "quantities": quantities},
        owner=user_id, deadline=settings.checkout_deadline,
    )  # fmt: skip
    order = {**about, "run_id": run_id, "address": address, "total": total, "currency": settings.currency}
    lines = {name: [item._mapping[name] for item in items] for name in _FROZEN}
    created = OrderCreated(order_id=order_id, user_id=user_id)
    event_log.emit(session, created, within=_PLACE, values={**order, **lines})
    return Placed(order_id, total, run_id)


def _nothing_to_order(session: Session, user_id: str) -> Conflict:
    """The reason for which a cart, which the caller has locked, can't be ordered."""
    other = session.connection().execute(_UNDER_WAY, {"user_id": user_id}).one_or_none()
    if other is None:
        return Conflict("The cart is empty. Add a product first.", code="cart_empty")
    detail = "This cart is already being checked out. Wait until that checkout has ended."
    return InProgress(detail, code="checkout_in_progress", task_id=other.run_id, order_id=other.id)
