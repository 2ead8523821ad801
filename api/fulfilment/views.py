"""Views of fulfilments (parcels), tracking and picking lists."""

from collections.abc import Sequence
from typing import Any

from flask import Response, g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.fulfilment.blueprint import blueprint
from api.fulfilment.picking_page import page_of_picking_list
from api.fulfilment.schemas import (
    AcceptedFulfilment,
    Fulfilment,
    Fulfilments,
    NewFulfilment,
    NewFulfilmentBody,
    PickingList,
    PickingQuery,
)
from api.http.auth import allowed, user_or_api_key
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.prefer_wait import WaitResult, may_wait
from api.orders.document_page import POLICY
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from durable import queries
from durable.tables import RunRecord
from models import fulfilment, inventory, orders
from models.core.database import transaction

PICKED = 500  # lines of a picking list


def _of_run(session: Session, run: RunRecord) -> object:
    return _views(session, [fulfilment.get_parcel(session, run.input["parcel_id"])])[0]


WAIT_RESULT = WaitResult(Fulfilment, "fulfilment", _of_run, status=200)


@blueprint.route('/orders/<id("ord"):order_id>/fulfilments')
class OrderFulfilmentsView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Fulfilments)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns the parcels of an order, oldest first."""
        return _of_order(order_id)

    @allowed("orders:write")
    @error_codes(
        "wrong_state", "nothing_to_ship", "not_found", "payment_refused", "no_carrier", "no_sender_address",
        "carrier_refused",
    )  # fmt: skip
    @blueprint.arguments(NewFulfilment)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedFulfilment, headers=LOCATION)
    def post(self, session: Session, body: NewFulfilmentBody, order_id: str) -> TaskAnswer:
        """Ships a parcel: buys a label, captures the payment, takes the goods out of stock, notifies the customer.

        With a `tracking_number`, no label is bought. The task has succeeded when the parcel has left. If the carrier
        sells no label, or the payment cannot be captured, the parcel is cancelled, and its label is refunded.
        """
        lines = {str(line["product_id"]): line["quantity"] for line in body["lines"]} if "lines" in body else None
        parcel = fulfilment.pack(
            session, order_id, lines=lines,  # type: ignore[arg-type]
            warehouse_id=body.get("warehouse_id"), carrier=body.get("carrier"), service=body.get("service"),
            tracking_number=body.get("tracking_number"), actor=g.principal.user_id,
        )  # fmt: skip
        return _accepted(session, parcel)


@blueprint.route('/orders/<id("ord"):order_id>/tracking')
class TrackingView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Fulfilments)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns where the parcels of an order are."""
        return _of_order(order_id)


@blueprint.route('/fulfilments/<id("ful"):fulfilment_id>')
class FulfilmentView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Fulfilment)
    def get(self, fulfilment_id: str) -> dict[str, object]:
        """Returns a parcel with its tracking events."""
        with transaction() as session:
            parcel = fulfilment.get_parcel(session, fulfilment_id)
            orders.get_visible_order(session, parcel.order_id, g.principal)
            return _views(session, [parcel])[0]


@blueprint.route('/fulfilments/<id("ful"):fulfilment_id>/delivered')
class DeliveredView(MethodView):
    @allowed("orders:write")
    @error_codes("wrong_state")
    @blueprint.response(200, Fulfilment)
    def post(self, fulfilment_id: str) -> dict[str, object]:
        """Records the delivery of a parcel by hand. A second request changes nothing."""
        with transaction() as session:
            return _views(session, [fulfilment.deliver(session, fulfilment_id, g.principal.user_id)])[0]


@blueprint.route('/fulfilments/<id("ful"):fulfilment_id>/cancel')
class CancelFulfilmentView(MethodView):
    @allowed("orders:write")
    @error_codes("capture_in_progress", "run_over", "run_compensating", "past_pivot", "unknown_version")
    @may_wait(WaitResult(Fulfilment, "fulfilment", _of_run, status=200, reports_refusal=False))
    @idempotent()
    @blueprint.response(202, AcceptedFulfilment, headers=LOCATION)
    def post(self, session: Session, fulfilment_id: str) -> TaskAnswer:
        """Cancels a parcel that has not left, as long as its payment was not captured. Its label is refunded."""
        return _accepted(session, fulfilment.withdraw(session, fulfilment_id))


def _picking_list(warehouse_id: str) -> dict[str, Any]:
    with transaction() as session:
        warehouse = inventory.get_warehouse(session, warehouse_id)
        rows = fulfilment.list_to_pick(session, warehouse.id, PICKED + 1)
    names = ("order_id", "product_id", "sku", "title", "quantity")
    lines = [{**{n: getattr(row, n) for n in names}, "order_number": str(row.number)} for row in rows[:PICKED]]
    return {"warehouse_id": warehouse.id, "name": warehouse.name, "data": lines, "has_more": len(rows) > PICKED}


@blueprint.route("/picking-lists")
class PickingListsView(MethodView):
    @allowed("orders:write")
    @error_codes("not_found")
    @blueprint.arguments(PickingQuery, location="query")
    @blueprint.response(200, PickingList)
    def get(self, query: dict[str, str]) -> dict[str, object]:
        """Returns what is allocated in a warehouse and in no parcel, oldest orders first, at most 500 lines."""
        return _picking_list(query["warehouse_id"])


@blueprint.route("/picking-lists.html")
class PickingPagesView(MethodView):
    @allowed("orders:write")
    @error_codes("not_found")
    @blueprint.arguments(PickingQuery, location="query")
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    def get(self, query: dict[str, str]) -> Response:
        """Returns the same list as a printable HTML page."""
        found = _picking_list(query["warehouse_id"])
        page = page_of_picking_list(found["name"], found["data"], found["has_more"])
        return Response(page, headers={"Content-Security-Policy": POLICY}, content_type="text/html; charset=utf-8")


def _accepted(session: Session, parcel: fulfilment.Parcel) -> TaskAnswer:
    run = queries.get_run(session, parcel.run_id)
    return accept(run, fulfilment_id=parcel.id, order_id=parcel.order_id)


def _of_order(order_id: str) -> dict[str, object]:
    with transaction() as session:
        orders.get_visible_order(session, order_id, g.principal)
        return {"data": _views(session, fulfilment.list_parcels(session, order_id))}


def _views(session: Session, parcels: Sequence[fulfilment.Parcel]) -> list[dict[str, object]]:
    session.flush()
    ids = [parcel.id for parcel in parcels]
    lines, events = fulfilment.list_contents(session, ids), fulfilment.list_tracking(session, ids)
    same = (
        "id", "order_id", "status", "warehouse_id", "carrier", "service", "tracking_number", "tracking_url", "run_id",
        "created_at", "shipped_at", "delivered_at",
    )  # fmt: skip
    for parcel in parcels:
        session.refresh(parcel)
    return [
        {**{name: getattr(parcel, name) for name in same}, "lines": lines[parcel.id], "events": events[parcel.id],
         **_label(parcel)}
        for parcel in parcels
    ]  # fmt: skip


def _label(parcel: fulfilment.Parcel) -> dict[str, object]:
    """What staff see of a label."""
    if parcel.label is None or "orders:read" not in g.principal.permissions:
        return {"label_url": None, "label_cost": None, "label_refund": None}
    url = f"/v1/fulfilments/{parcel.id}/label" if parcel.has_usable_label else None
    cost = {"amount": parcel.label_cost, "currency": parcel.label_currency}
    return {"label_url": url, "label_cost": cost, "label_refund": parcel.label_refund}
