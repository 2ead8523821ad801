"""Exchanges: a return with a replacement order. The value of the returned goods pays for the replacement."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import catalogue, inventory, orders, payments
from models.core import event_log
from models.core.errors import Conflict, InsufficientStock, NotFound
from models.core.events import OrderCreated
from models.returns.requesting import list_lines, lock_return
from models.returns.tables import Return

GATEWAY = "exchange"
"""The `gateway` of a replacement's payment, which no money moves for."""


def freeze(
    session: Session, sold: Sequence[Any], lines: Mapping[str, int], wanted: Mapping[str, int]
) -> list[dict[str, Any]]:
    """The wanted products (product id → units) with their current prices, to be stored with the return.

    Raises NotFound with `products` that are not on sale, and Conflict `exchange_too_expensive` with `available`, the
    value of the returned `lines` in minor units.
    """
    products = catalogue.products_by_id(session, wanted)
    if unknown := sorted(set(wanted) - set(products)):
        raise NotFound("No such products.", products=unknown)
    frozen = [
        {"product_id": product.id, "sku": product.sku, "title": product.title, "quantity": wanted[product.id],
         "unit_price": product.price_amount}
        for product in products.values()
    ]  # fmt: skip
    value = _value(sold, lines)
    if _price(frozen) > value:
        detail = "The replacement costs more than the goods that are returned. Order the rest separately."
        raise Conflict(detail, code="exchange_too_expensive", available=value)
    return frozen


def place_replacement(session: Session, return_id: str) -> orders.Order | None:
    """Places the replacement order of a received return, confirmed and allocated, and reduces the refund by its price.

    None, and everything is refunded instead, if no exchange was requested, fewer goods came than the replacement costs,
    or its stock is insufficient. Locks the invoice counter: commit at once.
    """
    made = lock_return(session, return_id)
    sold = orders.lines_of(session, [made.order_id])[made.order_id]
    came = {line.product_id: line.resellable + line.damaged for line in list_lines(session, [return_id])[return_id]}
    payment = payments.get_payment(session, payments.find_first_payment(session, made.order_id))
    value = min(_value(sold, came), payments.refundable(session, payment))  # staff may have refunded some of it
    if not made.exchange or _price(made.exchange) > value:
        return None
    order_id = new_id("ord")
    try:
        with session.begin_nested():
            inventory.reserve(session, order_id, {line["product_id"]: line["quantity"] for line in made.exchange})
    except InsufficientStock:
        return None
    _insert(session, made, order_id)
    orders.confirm(session, order_id)
    inventory.allocate(session, order_id)
    made.replacement_order_id = order_id
    made.refund = max(0, (made.refund or 0) - _price(made.exchange))
    session.flush()
    return orders.get(session, order_id)


def _insert(session: Session, made: Return, order_id: str) -> None:
    """The order and its payment. Its lines cost nothing: they were paid for with the first order."""
    assert made.exchange is not None
    first = orders.get(session, made.order_id)
    session.add(orders.Order(
        id=order_id, user_id=first.user_id, first_name=first.first_name, last_name=first.last_name, run_id=made.run_id,
        return_id=made.id, total=0, currency=first.currency, address=first.address,
    ))  # fmt: skip
    session.flush()
    lines = [{**line, "order_id": order_id, "unit_price": 0} for line in made.exchange]
    session.execute(insert(orders.Line), lines)
    payments.open_settled(session, order_id, first.currency, gateway=GATEWAY)
    event_log.emit(session, OrderCreated(order_id=order_id, user_id=first.user_id))


def _price(exchange: Sequence[Mapping[str, Any]]) -> int:
    return sum(line["quantity"] * line["unit_price"] for line in exchange)


def _value(sold: Sequence[Any], units: Mapping[str, int]) -> int:
    return sum(line.unit_price * units.get(line.product_id, 0) for line in sold)
