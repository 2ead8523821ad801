"""Searching orders by what staff know of them: a number, a name, a status, a product.

Each filter is answered by an index that also sorts, or by one that finds few rows, so that a page takes as long with a
million orders as with a thousand.
"""

from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy import ColumnElement, Select, TextClause, select, text
from sqlalchemy.orm import Session, aliased

from durable.ids import first_id
from models import accounts, orders
from models.fulfilment import Parcel, has_fulfilment_status
from models.orders import Invoice, Line, Order
from models.payments import Payment

MAX_NUMBER = 2**31 - 1
CLOCKS = timedelta(days=1)
"""An order's id is created within this time of its `created_at`, whatever the clocks of the shop's hosts."""


class OrderFilters(TypedDict, total=False):
    """The filters of a search; an order matches all of them. `since` is inclusive, `until` is not."""

    q: str
    user_id: str
    status: str
    payment_status: str
    fulfilment_status: str
    since: datetime
    until: datetime
    sku: str
    tag: str


def narrow(session: Session, chosen: Select[Order], filters: OrderFilters) -> Select[Order]:
    """Narrows a query for orders. Sort it by `Order.id`, which sorts by time.

    `q` is looked up as an order's number, an invoice's, a payment's reference, a tracking number, an e-mail address,
    a full name and a last name, and the first of these that exists decides. The case of addresses and names is
    ignored. The names are those that the customer had when the order was placed.
    """
    conditions: list[ColumnElement[bool] | TextClause] = []
    if "q" in filters:
        conditions.append(_about(session, " ".join(filters["q"].split())))
    if "user_id" in filters:
        conditions.append(Order.user_id == filters["user_id"])
    if "status" in filters:
        conditions.append(Order.status == filters["status"])
    if "payment_status" in filters:
        conditions.append(_is_paid(filters["payment_status"]))
    if "fulfilment_status" in filters:
        conditions.append(has_fulfilment_status(filters["fulfilment_status"]))
    if "since" in filters:
        conditions += [Order.created_at >= filters["since"], Order.id >= id_at("ord", filters["since"] - CLOCKS)]
    if "until" in filters:
        conditions += [Order.created_at < filters["until"], Order.id < id_at("ord", filters["until"] + CLOCKS)]
    if "sku" in filters:
        conditions.append(Order.id.in_(select(Line.order_id).where(Line.sku == filters["sku"])))
    if "tag" in filters:
        conditions += [
            Order.tags.bool_op("@>")([filters["tag"]]),
            text("tags <> '{}'"),
        ]  # the index leaves the others out
    return chosen.where(*conditions)


def _about(session: Session, q: str) -> ColumnElement[bool]:
    """Alternatives in one condition could not be answered by an index: so each is tried, at one index lookup each."""
    known: list[ColumnElement[bool]] = [
        Order.id.in_(select(Invoice.order_id).where(Invoice.number == q)),
        Order.id.in_(select(Payment.order_id).where(Payment.reference == q)),
        Order.id.in_(select(Parcel.order_id).where(Parcel.tracking_number == q)),
        orders.lower_full_name == q.lower(),
    ]
    if q.isascii() and q.isdigit() and int(q) <= MAX_NUMBER:
        known.insert(0, Order.number == int(q))
    if "@" in q:
        known.insert(0, Order.user_id == accounts.find_id(session, q))
    for condition in known:
        if session.scalars(select(Order.id).where(condition).limit(1)).first() is not None:
            return condition
    return orders.lower_last_name == q.lower()


def _is_paid(status: str) -> ColumnElement[bool]:
    """The payment that was opened last has this status."""
    later = aliased(Payment)
    newer = select(later.id).where(later.order_id == Payment.order_id, later.id > Payment.id)
    return Order.id.in_(select(Payment.order_id).where(Payment.status == status, ~newer.exists()))


def id_at(prefix: str, time: datetime) -> str:
    """The lower bound of ids with this prefix that are created at or after this time."""
    return f"{prefix}_{first_id(time)}"
