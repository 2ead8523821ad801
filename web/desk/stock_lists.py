"""Lists of stock: what is low, with an order for it, and the movements."""

from typing import Any

from flask import Response, url_for

from api.inventory.schemas import MovementQuery
from models import catalogue, inventory
from models.core.database import transaction
from serving.fields import IdField
from serving.inventory import list_alerts
from serving.pages import PageQuery
from web import access
from web.blueprint import desk
from web.desk.filters import read_filters, read_rows
from web.desk.names import usernames_of
from web.desk.pages import show
from web.desk.stock import list_warehouses


class AlertFilters(PageQuery):
    warehouse_id = IdField("wh")


@desk.get("/stock-alerts")
@access.allowed("stock:read")
def stock_alerts_page() -> Response:
    """The levels at or below their reorder point, most recent first; each leads to an order for it."""
    filters = read_filters(AlertFilters(), "warehouse_id")
    found: Any = {"data": [], "next_cursor": None}
    if filters.values is not None:
        found = list_alerts(filters.place, filters.values.get("warehouse_id"))
    with transaction() as session:
        warehouses = list_warehouses(session)
    levels = [{**level, "order": _address_of_order(level)} for level in found["data"]]
    one_warehouse = filters.shown.get("warehouse_id") or (next(iter(warehouses)) if len(warehouses) == 1 else "")
    return show("stock_alerts.html", section="desk.stock_alerts_page", levels=levels, cursor=found["next_cursor"],
                filters=filters, warehouses=warehouses, one_warehouse=one_warehouse)  # fmt: skip


@desk.get("/movements")
@access.allowed("stock:read")
def movements_page() -> Response:
    """The stock movements, newest first: of a product, of a warehouse, or all."""
    filters = read_filters(MovementQuery(), "product_id", "warehouse_id")
    with transaction() as session:
        found = read_rows(session, filters, inventory.select_movements, inventory.Movement.id.desc())
        moved = {one.product_id for one in found["data"]} | {filters.shown.get("product_id", "")} - {""}
        known = catalogue.identify(session, ids=moved) if moved and filters.values is not None else []
        names = usernames_of(session, {one.actor for one in found["data"] if (one.actor or "").startswith("usr_")})
        warehouses = list_warehouses(session)
    return show("movements.html", section="desk.movements_page", movements=found["data"], filters=filters,
                cursor=found["next_cursor"], products={one.product_id: one for one in known}, warehouses=warehouses,
                names=names)  # fmt: skip


def _address_of_order(level: dict[str, Any]) -> str:
    """The form to order goods, with the reorder quantity of the level; without one, what lifts it above its point."""
    missing = max(level["reorder_point"] + 1 - level["available"] - level["on_order"], 1)
    quantity = {f"quantity-{level['product_id']}": level["reorder_quantity"] or missing}
    return url_for("desk.new_purchase_order", warehouse_id=level["warehouse_id"], product=level["product_id"],
                   **quantity)  # fmt: skip
