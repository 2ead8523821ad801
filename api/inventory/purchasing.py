"""Views of restocking: alerts, purchase orders and deliveries."""

from typing import Any

from flask import g
from flask.views import MethodView
from marshmallow import fields
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.etags import ETAG, etag
from api.http.fields import Timestamp
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.inventory.blueprint import blueprint
from api.inventory.schemas import AcceptedRestock, ListedLevel, PurchaseOrder, PurchaseOrderQuery, Restock, RestockBody
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from durable import queries
from durable.tables import RunRecord
from models import inventory
from models.core.database import transaction
from serving.inventory import list_alerts
from serving.reservations import Delivery, DeliveryBody
from settings import settings


class Alert(ListedLevel):
    low_since = Timestamp()
    on_order = fields.Integer(metadata={"description": "Units ordered for the warehouse and not yet received"})


def _purchase_order(session: Session, run: RunRecord) -> dict[str, object]:
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    return _shown(order, inventory.get_purchase_lines(session, [order.id])[order.id])


WAIT_RESULT = WaitResult(PurchaseOrder, "purchase_order", _purchase_order)


@blueprint.route("/stock/alerts")
class AlertsView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Alert))
    def get(self, query: PageArgs) -> Page:
        """Returns stock levels at or below their reorder point, most recent first."""
        return list_alerts(query)


@blueprint.route("/restocks")
class RestocksView(MethodView):
    @allowed("stock:write")
    @error_codes("not_found", "warehouse_closed")
    @blueprint.arguments(Restock)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedRestock, headers=LOCATION)
    def post(self, session: Session, body: RestockBody) -> TaskAnswer:
        """Creates a purchase order. Its task ends when everything is received or the rest is cancelled."""
        goods = {line["product_id"]: line["quantity"] for line in body["lines"]}
        costs = {line["product_id"]: line["unit_cost"]["amount"] for line in body["lines"] if "unit_cost" in line}
        order = inventory.restock(session, goods, body.get("warehouse_id"), owner=g.principal.user_id, costs=costs)
        return _accepted(session, order)


@blueprint.route("/purchase-orders")
class PurchaseOrdersView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(PurchaseOrderQuery, location="query")
    @blueprint.response(200, page_of(PurchaseOrder))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns purchase orders, newest first."""
        chosen = {name: query.pop(name) for name in ("status", "warehouse_id") if name in query}
        with transaction() as session:
            orders = inventory.select_purchase_orders(**chosen)
            found = page(session, orders, inventory.PurchaseOrder.id.desc(), **query)
            lines = inventory.get_purchase_lines(session, [order.id for order in found["data"]])
            found["data"] = [_shown(order, lines[order.id]) for order in found["data"]]
        return found


@blueprint.route('/purchase-orders/<id("po"):purchase_order_id>')
class PurchaseOrderView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, PurchaseOrder, headers=ETAG)
    def get(self, purchase_order_id: str) -> tuple[object, dict[str, str]]:
        """Returns a purchase order with its lines and the quantities delivered and received."""
        with transaction() as session:
            order = inventory.get_purchase_order(session, purchase_order_id)
            lines = inventory.get_purchase_lines(session, [order.id])[order.id]
        quantities = ".".join(f"{line.delivered}-{line.received}" for line in lines)
        return _shown(order, lines), etag(order.updated_at, quantities)


@blueprint.route('/purchase-orders/<id("po"):purchase_order_id>/receive')
class ReceiveView(MethodView):
    @allowed("stock:write")
    @error_codes(
        "more_than_ordered",
        "capacity_exceeded",
        "warehouse_closed",
        "wrong_state",
        "deadline_exceeded",
        "too_many_attempts",
        "cancelled_by_operator",
    )
    @blueprint.arguments(Delivery)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedRestock, headers=LOCATION)
    def post(self, session: Session, body: DeliveryBody, purchase_order_id: str) -> TaskAnswer:
        """Records a delivery. Partial deliveries are accepted; a delivery is recorded completely or not at all.

        409 if it exceeds the outstanding quantities or the capacity of the warehouse. An accepted delivery reserves
        its capacity immediately and is received by the purchase order's task, which then waits for the rest.
        """
        order = inventory.receive(session, purchase_order_id, _goods(body), actor=g.principal.user_id)
        return _accepted(session, order)


@blueprint.route('/purchase-orders/<id("po"):purchase_order_id>/cancel')
class CancelPurchaseOrderView(MethodView):
    @allowed("stock:write")
    @error_codes("wrong_state")
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedRestock, headers=LOCATION)
    def post(self, session: Session, purchase_order_id: str) -> TaskAnswer:
        """Cancels the outstanding quantities. Delivered goods are kept."""
        order = inventory.cancel_purchase_order(session, purchase_order_id, actor=g.principal.user_id)
        return _accepted(session, order)


def _goods(body: DeliveryBody) -> dict[str, int]:
    return {line["product_id"]: line["quantity"] for line in body["lines"]}


def _accepted(session: Session, order: inventory.PurchaseOrder) -> TaskAnswer:
    run = queries.get_run(session, order.run_id)
    return accept(run, status=run.status, purchase_order_id=order.id)


def _shown(order: inventory.PurchaseOrder, lines: list[inventory.PurchaseLine]) -> dict[str, object]:
    same = ("id", "warehouse_id", "status", "created_at", "updated_at", "closed_at")
    shown = {name: getattr(order, name) for name in same}
    return {**shown, "number": str(order.number), "lines": [_line(line) for line in lines], "task_id": order.run_id}


def _line(line: inventory.PurchaseLine) -> dict[str, object]:
    same = ("product_id", "sku", "title", "quantity", "delivered", "received")
    cost = None if line.unit_cost is None else {"amount": line.unit_cost, "currency": settings.currency}
    return {**{name: getattr(line, name) for name in same}, "unit_cost": cost}
