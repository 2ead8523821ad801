"""Orders: filters of their list, and how they are shown."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Select
from sqlalchemy.orm import Session

from models import fulfilment, orders, payments
from models.accounts import Principal
from models.core.database import transaction
from models.core.errors import NotAllowed
from models.operations import order_search
from models.operations.order_search import OrderFilters
from serving.fields import PLAUSIBLE, IdField, Timestamp
from serving.pages import Page, PageArgs, PageQuery, page


class OrderQuery(PageQuery):
    """Filters; an order matches all of them."""

    q = fields.String(
        validate=validate.Length(1, 254),
        metadata={
            "description": "The number of the order or its invoice, a payment reference, a tracking number, the e-mail "
            "address, full name or last name of the customer",
            "example": "lovelace",
        },
    )
    user_id = IdField("usr", metadata={"description": "Of this customer"})
    status = fields.String(validate=validate.OneOf(orders.ORDER_STATUS.statuses))
    payment_status = fields.String(validate=validate.OneOf(payments.PAYMENT_STATUS.statuses))
    fulfilment_status = fields.String(validate=validate.OneOf(fulfilment.FULFILMENT_STATUSES))
    since = Timestamp(data_key="from", validate=PLAUSIBLE, metadata={"description": "Placed then or later"})
    until = Timestamp(data_key="to", validate=PLAUSIBLE, metadata={"description": "Placed before"})
    sku = fields.String(validate=validate.Length(1, 64))
    tag = fields.String(validate=validate.Length(1, 64))


def order_views(session: Session, found: list[orders.Order], principal: Principal) -> list[dict[str, object]]:
    """Orders as this principal sees them, with four queries for any number of orders."""
    ids = [order.id for order in found]
    lines = orders.lines_of(session, ids)
    paid, invoices = payments.list_newest_payments(session, ids), orders.list_invoice_numbers(session, ids)
    sent = fulfilment.list_fulfilment_statuses(session, ids)
    return [
        {
            **_view(order, lines[order.id], paid[order.id], invoices.get(order.id), principal),
            "fulfilment_status": sent[order.id],
        }
        for order in found
    ]


def _view(
    order: orders.Order,
    lines: Sequence[Any],
    payment: payments.Payment,
    invoice: str | None,
    principal: Principal,
) -> dict[str, object]:
    same = ("id", "user_id", "status", "reason", "address", "return_id", "created_at", "confirmed_at", "cancelled_at")
    of_staff = {"note": order.note or "", "tags": order.tags} if "orders:read" in principal.permissions else {}
    return {
        **{name: getattr(order, name) for name in same},
        **of_staff,
        "number": str(order.number),
        "payment_status": payment.status,
        "payment_id": payment.id,
        "invoice_number": invoice,
        "lines": [_line(line, order.currency) for line in lines],
        "promised_on": max((line.promised_on for line in lines if line.backordered), default=None),
        "total": {"amount": order.total, "currency": order.currency},
        "task_id": order.run_id,
    }


def _line(line: Any, currency: str) -> dict[str, object]:
    return {
        "product_id": line.product_id, "sku": line.sku, "title": line.title, "quantity": line.quantity,
        "cancelled": line.cancelled,
        "unit_price": {"amount": line.unit_price, "currency": currency},
        "line_total": {"amount": line.unit_price * line.quantity, "currency": currency},
        "backordered": line.backordered, "promised_on": line.promised_on,
    }  # fmt: skip


def list_visible(principal: Principal, place: PageArgs, filters: OrderFilters) -> Page:
    """A page of the orders that the principal sees, newest first. Raises NotAllowed for filters without
    `orders:read`."""
    if filters and "orders:read" not in principal.permissions:
        raise NotAllowed("Searching orders requires the permission orders:read.", permission="orders:read")
    return list_orders(orders.select_visible_orders(principal), principal, place, filters)


def list_orders(
    chosen: Select[orders.Order], principal: Principal, place: PageArgs, filters: OrderFilters | None = None
) -> Page:
    """A page of these orders, newest first."""
    with transaction() as session:
        found = page(session, order_search.narrow(session, chosen, filters or {}), orders.Order.id.desc(), **place)
        found["data"] = order_views(session, found["data"], principal)
    return found


def read_visible(principal: Principal, order_id: str) -> dict[str, object]:
    """An order. Raises NotFound unless it is the principal's own, or they hold `orders:read`."""
    with transaction() as session:
        return order_views(session, [orders.get_visible_order(session, order_id, principal)], principal)[0]
