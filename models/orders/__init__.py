"""Orders, their lines and invoices: what was bought, at which price, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Row, String, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

import durable
from durable.ids import Id, new_id
from models import accounts, carts, payments
from models.core import events
from models.core.errors import Conflict, NotFound
from models.core.event_types import OrderCancelled, OrderConfirmed, OrderCreated
from models.orders.tables import ORDER_STATUS, Invoice, InvoiceCounter, Line, Order
from models.orders.visibility import (
    get_visible_order,
    get_visible_payment,
    select_own_orders,
    select_visible_orders,
    select_visible_payments,
)
from settings import settings

__all__ = [
    "ORDER_STATUS",
    "OVER",
    "InProgress",
    "Invoice",
    "InvoiceCounter",
    "Line",
    "Order",
    "Placed",
    "cancel",
    "confirm",
    "erase_user",
    "get",
    "get_summary",
    "get_visible_order",
    "get_visible_payment",
    "lines_of",
    "list_invoice_numbers",
    "lock",
    "place",
    "select_own_orders",
    "select_visible_orders",
    "select_visible_payments",
]

# One statement: locks the cart, gives it to the order unless another one has it, and reads its lines. The lines are
# locked as well, for a lock reads a row as it is by then (PostgreSQL's manual, 13.2.1), and not as it was before the
# cart's lock was waited for.
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
_FROZEN = ("product_id", "quantity", "sku", "title", "unit_price")


@dataclass(frozen=True)
class Placed:
    """An order that was placed just now, and the run of its checkout."""

    id: str
    run_id: str


class InProgress(Conflict):
    """The cart is being checked out already; `extra` has `order_id` and `task_id` of that checkout."""


# With its lines and its event in one statement: as an object and a list of rows, order and lines took three times as
# long.
_PLACE = text(f"""
    WITH placed AS (
        INSERT INTO orders."order" (id, user_id, run_id, total, currency, address)
        VALUES (:order_id, :user_id, :run_id, :total, :currency, :address) RETURNING id
    ), event AS (
        {events.INSERT}
    )
    INSERT INTO orders.line (order_id, product_id, sku, title, quantity, unit_price)
    SELECT placed.id, line.* FROM placed, unnest(:product_id, :sku, :title, :quantity, :unit_price) AS line
""").bindparams(  # noqa: S608, our own words
    *events.PARAMETERS,
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


def place(session: Session, user_id: str, address: dict[str, Any], method: str) -> Placed:
    """Freezes the user's cart into an order, opens its payment and starts its `checkout`.

    `method` is the gateway's payment method. Raises Conflict (`cart_empty`, `product_unavailable`), and InProgress
    while an order that was placed from this cart has neither taken its lines out of it nor been cancelled. Nothing
    is taken from stock and no money is held yet: that is the run's work.
    """
    connection, order_id = session.connection(), new_id("ord")
    items = connection.execute(_CART, {"user_id": user_id, "order_id": order_id}).all()
    if not items or items[0].order_id != order_id:
        raise _nothing_to_order(session, user_id)
    gone = [item.product_id for item in items if item.deleted_at is not None]
    if gone:
        raise Conflict("The cart holds products that are no longer sold.", code="product_unavailable", products=gone)
    total = sum(item.unit_price * item.quantity for item in items)
    payment_id = payments.open_payment(session, order_id, total, settings.currency, method)
    about = {"order_id": order_id, "user_id": user_id}
    quantities = {item.product_id: item.quantity for item in items}
    run_id = durable.start(
        session, "checkout", key=order_id, input={**about, "payment_id": payment_id, "quantities": quantities},
        owner=user_id, deadline=settings.checkout_deadline,
    )  # fmt: skip
    order = {**about, "run_id": run_id, "address": address, "total": total, "currency": settings.currency}
    lines = {name: [item._mapping[name] for item in items] for name in _FROZEN}
    created = OrderCreated(order_id=order_id, user_id=user_id)
    events.emit(session, created, within=_PLACE, values={**order, **lines})
    return Placed(order_id, run_id)


def _nothing_to_order(session: Session, user_id: str) -> Conflict:
    """Why a cart, which is locked, can't be ordered."""
    other = session.connection().execute(_UNDER_WAY, {"user_id": user_id}).one_or_none()
    if other is None:
        return Conflict("The cart is empty; put something into it first.", code="cart_empty")
    detail = "This cart is being checked out already; wait for the end of that checkout."
    return InProgress(detail, code="checkout_in_progress", task_id=other.run_id, order_id=other.id)


# An invoice number for an order that is pending, and for no other.
_CONFIRM = (
    text(f"""
    WITH confirmed AS (
        UPDATE orders."order" SET status = 'confirmed', confirmed_at = now()
        WHERE id = :order_id AND {ORDER_STATUS.may_become("confirmed")} RETURNING user_id
    ), counted AS (
        INSERT INTO orders.invoice_counter AS counter (year, last) SELECT :year, 1 FROM confirmed
        ON CONFLICT (year) DO UPDATE SET last = counter.last + 1
        RETURNING year || '-' || lpad(last::text, greatest(6, length(last::text)), '0') AS number
    ), invoice AS (
        INSERT INTO orders.invoice (id, number, order_id) SELECT :invoice_id, number, :order_id FROM counted
        RETURNING id, number
    )
    SELECT user_id, id, number FROM confirmed, invoice
""")  # noqa: S608, our own words
    .bindparams(
        bindparam("order_id", type_=Id("ord")),
        bindparam("invoice_id", type_=Id("inv")),
        bindparam("year", type_=Integer),
    )
    .columns(user_id=Id("usr"), id=Id("inv"), number=String)
)


def confirm(session: Session, order_id: str) -> Row[str, str, str]:
    """Makes a pending order a firm one, and numbers its invoice, of which it returns id and number.

    Invoice numbers have no gaps: the year's counter is locked until the caller commits, so this comes last.
    Raises Conflict if the order is not pending.
    """
    year = datetime.now(UTC).year
    values = {"order_id": order_id, "invoice_id": new_id("inv"), "year": year}
    invoice = session.connection().execute(_CONFIRM, values).one_or_none()
    if invoice is None:
        raise ORDER_STATUS.refusal(lock(session, order_id).status)
    events.emit(session, OrderConfirmed(order_id=order_id, user_id=invoice.user_id))
    return invoice


def cancel(session: Session, order_id: str, reason: dict[str, str]) -> Order:
    """Closes an order that came to nothing, with the reason {code, detail}. A second call changes nothing.

    Its lines stay in the customer's cart, which may be checked out again. Raises NotFound, and Conflict
    (`wrong_state`) for an order that is more than pending.
    """
    carts.release(session, _customer_of(session, order_id), order_id)  # the cart's lock comes before the order's
    order = lock(session, order_id)
    if order.status != "cancelled":
        ORDER_STATUS.move(order, "cancelled")
        order.reason, order.cancelled_at = reason, func.now()
        events.emit(session, OrderCancelled(order_id=order.id, user_id=order.user_id))
    return order


def _customer_of(session: Session, order_id: str) -> str:
    found = session.scalars(select(Order.user_id).where(Order.id == order_id)).one_or_none()
    if found is None:
        raise NotFound("There is no such order.")
    return found


OVER = ("delivered", "cancelled", "returned")
"""Statuses from which on nothing is sent to the order's address."""


def erase_user(session: Session, user_id: str) -> int:
    """Erases where the user's orders were sent to, and says how many orders still need their address.

    The orders stay, with lines, sums and invoices. Of an address the country stays, for it decides which tax law
    holds (Directive 2006/112/EC, articles 31 to 39). An order that is not OVER keeps its address until it is.
    """
    theirs = select(Order).where(Order.user_id == user_id).order_by(Order.id).with_for_update()
    waiting = 0
    for order in session.scalars(theirs):
        if order.status in OVER:
            order.address = {name: value for name, value in order.address.items() if name == "country"}
        else:
            waiting += 1
    return waiting


def lock(session: Session, order_id: str) -> Order:
    """The order, locked. Raises NotFound."""
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise NotFound("There is no such order.")
    return order


def get(session: Session, order_id: str) -> Order:
    """The order, whoever's it is. Raises NotFound."""
    order = session.get(Order, order_id)
    if order is None:
        raise NotFound("There is no such order.")
    return order


_LINES = select(Line.__table__).where(Line.order_id.in_(bindparam("order_ids", expanding=True))).order_by(Line.sku)


def lines_of(session: Session, order_ids: list[str]) -> dict[str, list[Row[Any]]]:
    """The lines of some orders, as rows, in the order of their SKUs."""
    found: dict[str, list[Row[Any]]] = {order_id: [] for order_id in order_ids}
    for line in session.connection().execute(_LINES, {"order_ids": order_ids}):
        found[line.order_id].append(line)
    return found


_INVOICES = select(Invoice.order_id, Invoice.number).where(Invoice.order_id.in_(bindparam("order_ids", expanding=True)))


def list_invoice_numbers(session: Session, order_ids: Sequence[str]) -> dict[str, str]:
    """Order id → the number of its invoice, of those orders that have one."""
    return dict(session.execute(_INVOICES, {"order_ids": list(order_ids)}).all())


_SUMMARY = (
    select(
        Order.number, Order.total, Order.currency, Order.user_id, accounts.User.email, accounts.User.first_name,
        accounts.User.status.label("account"), Line.title, Line.quantity,
    )
    .join(accounts.User, accounts.User.id == Order.user_id)
    .join(Line, Line.order_id == Order.id)
    .where(Order.id == bindparam("order_id"))
    .order_by(Line.sku)
)  # fmt: skip


def get_summary(session: Session, order_id: str) -> Sequence[Any]:
    """What the customer is told of the order: a row for each line, with the order and the customer in all of them."""
    return session.connection().execute(_SUMMARY, {"order_id": order_id}).all()
