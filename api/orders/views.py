"""Views of orders."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Response, g
from flask.views import MethodView

import serving.orders
from api.http.auth import allowed, signed_in, user_or_api_key
from api.http.errors import error_codes, problem
from api.http.pagination import Page, PageArgs, PageQuery, mark_page, page_of
from api.http.run_waiter import wait_for_end
from api.orders.blueprint import blueprint
from api.orders.schemas import Edit, Order
from durable import queries
from models import fulfilment, orders
from models.core.database import transaction
from serving.orders import OrderQuery, order_views

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
        mark_page()
        return serving.orders.list_visible(g.principal, place, query)


@blueprint.route("/me/orders")
class MyOrdersView(MethodView):
    @signed_in
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Order))
    def get(self, query: PageArgs) -> Page:
        """Returns your own orders, newest first, regardless of permissions."""
        mark_page()
        return serving.orders.list_orders(orders.select_own_orders(g.principal), g.principal, query)


@blueprint.route('/orders/<id("ord"):order_id>')
class OrderView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Order)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns an order. 404 unless it is yours or you have the permission `orders:read`."""
        return serving.orders.read_visible(g.principal, order_id)

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
                return order_views(session, [order], g.principal)[0]
        refusal = _await_parcels(runs)
        if refusal is not None:
            return problem(409, refusal["code"], refusal["detail"])
        with transaction() as session:
            return order_views(session, [orders.get(session, order_id)], g.principal)[0]


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
