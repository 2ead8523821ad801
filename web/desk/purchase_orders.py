"""Purchase orders: the list, ordering goods, and the page of one: receiving its goods and cancelling the rest."""

from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.inventory.schemas import PurchaseOrderQuery, Restock
from models import inventory
from models.core.database import transaction
from models.core.errors import Invalid
from serving.reservations import Delivery
from settings import settings
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.lines import by_product, quantities_of, read_draft
from web.desk.pages import show
from web.desk.payments import minor_units
from web.desk.sending import Outcome, load, pieces, read_outcome, send, text
from web.desk.stock import list_warehouses
from web.language import gettext
from web.language import translatable as _

ORDER = '/purchase-orders/<id("po"):order_id>'
SECTION = "desk.purchase_orders_page"
VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (_("All"), {}), (_("Ordered"), {"status": "ordered"}), (_("Partly received"), {"status": "partly_received"}),
)  # fmt: skip


@desk.get("/purchase-orders")
@access.allowed("stock:read")
def purchase_orders_page() -> Response:
    """The list of purchase orders, newest first."""
    filters = read_filters(PurchaseOrderQuery(), "status", "warehouse_id")
    with transaction() as session:
        found = read_rows(session, filters, inventory.select_purchase_orders, inventory.PurchaseOrder.id.desc())
        lines = inventory.get_purchase_lines(session, [order.id for order in found["data"]])
        warehouses = list_warehouses(session)
    views = [(name, url_for("desk.purchase_orders_page", **one), one == filters.shown) for name, one in VIEWS]
    return show(
        "purchase_orders.html", section=SECTION, orders=found["data"], cursor=found["next_cursor"], filters=filters,
        lines=lines, warehouses=warehouses, views=views, statuses=inventory.PURCHASE_ORDER_STATUS.statuses,
        outcome=read_outcome(),
    )  # fmt: skip


@desk.get("/purchase-orders/new")
@access.allowed("stock:write")
def new_purchase_order() -> Response:
    """The form to order goods. The address may name products and quantities, such as those of a low level."""
    return _show_new(Outcome())


@desk.post("/purchase-orders/new/lines")
@takes_form
@access.allowed("stock:write")
def edit_purchase_lines() -> Response:
    """The form to order goods with one line more or less, or with what a search has found. Stores nothing."""
    return _show_new(Outcome(values=dict(request.form)))


@desk.post("/purchase-orders/new")
@takes_form
@access.allowed("stock:write")
def order_goods() -> Response:
    """Orders goods. What the supplier asks for a unit is by default the price of the last purchase order."""

    def work(session: Session) -> str:
        lines = [{**line, **_cost(str(line["product_id"]))} for line in quantities_of()]
        body: Any = load(Restock(), lines=lines, warehouse_id=text("warehouse_id"))
        goods = by_product(body["lines"])
        costs = {line["product_id"]: line["unit_cost"]["amount"] for line in body["lines"] if "unit_cost" in line}
        made = inventory.restock(session, goods, body.get("warehouse_id"), owner=g.principal.user_id, costs=costs)
        return _address(made, "ordered")

    return send(work, _show_new)


@desk.get(ORDER)
@access.allowed("stock:read")
def purchase_order_page(order_id: str) -> Response:
    """The page of a purchase order: what was ordered, and what has come."""
    return _show(order_id, read_outcome())


@desk.post(f"{ORDER}/receive")
@takes_form
@access.allowed("stock:write")
def receive_delivery(order_id: str) -> Response:
    """Records a delivery, complete or in part; all of its lines or none."""

    def work(session: Session) -> str:
        if not (lines := pieces()):
            raise Invalid(gettext("Fill in how many pieces have come."))
        body: Any = load(Delivery(), lines=lines)
        came = by_product(body["lines"])
        return _address(inventory.receive(session, order_id, came, g.principal.user_id), "delivery")

    return send(work, lambda outcome, status: _show(order_id, outcome, status))


@desk.post(f"{ORDER}/cancel")
@takes_form
@access.allowed("stock:write")
def cancel_purchase_order(order_id: str) -> Response:
    """Cancels what is outstanding. Goods that have come are kept."""

    def work(session: Session) -> str:
        return _address(inventory.cancel_purchase_order(session, order_id, g.principal.user_id), "order_cancelled")

    return send(work, lambda outcome, status: _show(order_id, outcome, status))


def _cost(product_id: str) -> dict[str, object]:
    amount = minor_units(text(f"cost-{product_id}"), settings.currency)
    return {} if amount is None else {"unit_cost": {"amount": amount, "currency": settings.currency}}


def _address(order: inventory.PurchaseOrder, done: str) -> str:
    return url_for("desk.purchase_order_page", order_id=order.id, done=done, task=order.run_id)


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        draft, warehouses = read_draft(session), list_warehouses(session)
        chosen = request.values.get("warehouse_id") or inventory.get_default_warehouse(session).id
    return show("purchase_order_new.html", status, section=SECTION, draft=draft, warehouses=warehouses, chosen=chosen,
                outcome=outcome, currency=settings.currency)  # fmt: skip


def _show(order_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        order = inventory.get_purchase_order(session, order_id)
        lines = inventory.get_purchase_lines(session, [order.id])[order.id]
        warehouse = inventory.get_warehouse(session, order.warehouse_id).name
    outstanding = sum(line.quantity - line.delivered for line in lines)
    return show(
        "purchase_order.html", status, section=SECTION, order=order, lines=lines, warehouse=warehouse, outcome=outcome,
        outstanding=outstanding, is_open=order.status in inventory.OPEN, currency=settings.currency,
        scanned=sum(line.scanned for line in lines),
    )  # fmt: skip
