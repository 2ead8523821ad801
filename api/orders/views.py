"""Views of orders."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Response, g
from flask.views import MethodView
from sqlalchemy import Select
from sqlalchemy.orm import Session

from api.http.auth import allowed, signed_in, user_or_api_key
from api.http.errors import error_codes, problem
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.http.run_waiter import wait_for_end
from api.orders.blueprint import blueprint
from api.orders.schemas import Edit, Order, OrderQuery
from durable import queries
from models import fulfilment, orders, payments
from models.core.database import transaction
from models.core.errors import NotAllowed
from models.operations import order_search
from models.operations.order_search import OrderFilters

PATIENCE = 20.0
"""Seconds that `shipped` waits for parcels to leave."""


@blueprint.route("/orders")
class OrdersView(MethodView):
    @user_or_api_key
    @error_codes("not_allowed")
    @blueprint.arguments(OrderQuery, location="query")
    @blueprint.response(200, page_of(Order))
    def get(self, query: Any) -> Page:
        """Returns your orders, newest first; with the permission `orders:read`, all orders.

        All other parameters than `limit` and `cursor` are filters, which require `orders:read`.
        """
        place: PageArgs = {"limit": query.pop("limit"), "cursor": query.pop("cursor")}
        if query and "orders:read" not in g.principal.permissions:
            raise NotAllowed("Searching orders requires the permission orders:read.", permission="orders:read")
        return _page(orders.select_visible_orders(g.principal), place, query)


@blueprint.route("/me/orders")
class MyOrdersView(MethodView):
    @signed_in
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Order))
    def get(self, query: PageArgs) -> Page:
        """Returns your own orders, newest first, regardless of permissions."""
        return _page(orders.select_own_orders(g.principal), query)


@blueprint.route('/orders/<id("ord"):order_id>')
class OrderView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Order)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns an order. 404 unless it is yours or you have the permission `orders:read`."""
        with transaction() as session:
            return order_views(session, [orders.get_visible_order(session, order_id, g.principal)])[0]

    @allowed("orders:write")
    @error_codes("wrong_state", "has_parcels", "nothing_to_ship", "payment_disputed", "payment_refused")
    @blueprint.arguments(Edit)
    @blueprint.response(200, Order)
    def patch(self, body: dict[str, Any], order_id: str) -> dict[str, object] | Response:
        """Changes the status, the note or the tags of an order.

        The status can change only as the table of transitions allows; otherwise 409 with the `possible` statuses.
        `shipped` ships all that is in no parcel, without a tracking number, and waits up to 20 seconds for its tasks:
        until then the order is `processing`. `delivered` delivers all parcels. `cancelled` does the same as cancelling
        the order. An order is returned by returns only.
        """
        with transaction() as session:
            order, runs = fulfilment.edit(session, order_id, actor=g.principal.user_id, **body)
            if not runs:
                return order_views(session, [order])[0]
        refusal = _await_parcels(runs)
        if refusal is not None:
            return problem(409, refusal["code"], refusal["detail"])
        with transaction() as session:
            return order_views(session, [orders.get(session, order_id)])[0]


def _await_parcels(runs: Sequence[str]) -> dict[str, Any] | None:
    """Why a parcel was not shipped, if one was not."""
    until = time.monotonic() + PATIENCE
    for run_id in runs:
        wait_for_end(run_id, until - time.monotonic(), partial(_has_ended, run_id))
    with transaction() as session:
        errors = [queries.get_run(session, run_id).error for run_id in runs]
    return next(filter(None, errors), None)


def _has_ended(run_id: str) -> bool:
    with transaction() as session:
        return queries.get_run(session, run_id).finished_at is not None


def _page(chosen: Select[orders.Order], place: PageArgs, filters: OrderFilters | None = None) -> Page:
    with transaction() as session:
        found = page(session, order_search.narrow(session, chosen, filters or {}), orders.Order.id.desc(), **place)
        found["data"] = order_views(session, found["data"])
    return found


def order_views(session: Session, found: list[orders.Order]) -> list[dict[str, object]]:
    """Orders as the API shows them, with four queries for any number of orders."""
    ids = [order.id for order in found]
    lines = orders.lines_of(session, ids)
    paid, invoices = payments.list_newest_payments(session, ids), orders.list_invoice_numbers(session, ids)
    sent = fulfilment.list_fulfilment_statuses(session, ids)
    return [
        {**_view(order, lines[order.id], paid[order.id], invoices.get(order.id)), "fulfilment_status": sent[order.id]}
        for order in found
    ]


def _view(
    order: orders.Order, lines: Sequence[Any], payment: payments.Payment, invoice: str | None
) -> dict[str, object]:
    same = ("id", "user_id", "status", "reason", "address", "return_id", "created_at", "confirmed_at", "cancelled_at")
    of_staff = {"note": order.note or "", "tags": order.tags} if "orders:read" in g.principal.permissions else {}
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
