"""Stock levels and warehouses."""

from typing import Any

from marshmallow import fields, validate

from models import inventory
from models.core.database import transaction
from serving.fields import IdField, Schema
from serving.pages import Page, PageArgs, PageQuery, page


class LevelQuery(PageQuery):
    product_id = IdField("prd")
    warehouse_id = IdField("wh")
    low = fields.Boolean(
        metadata={"description": "Only levels whose available units are at or below the reorder point"}
    )


def level_view(stock: inventory.Stock) -> dict[str, object]:
    """A stock level as the API shows it."""
    names = ("product_id", "warehouse_id", "on_hand", "reserved", "reorder_point", "reorder_quantity")
    return {**{name: getattr(stock, name) for name in names}, "available": stock.available}


class CapacityQuery(Schema):
    product_id = IdField("prd", required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, inventory.MAX_LEVEL))


def list_levels(query: dict[str, Any]) -> Page:
    """A page of the stock levels that match, per product and warehouse."""
    chosen = {name: query.pop(name) for name in ("product_id", "warehouse_id", "low") if name in query}
    table = inventory.Stock
    with transaction() as session:
        found = page(
            session, inventory.select_levels(**chosen), table.product_id.asc(), table.warehouse_id.asc(), **query
        )
        found["data"] = [{**level_view(stock), "sku": sku, "title": title} for stock, sku, title in found["data"]]
    return found


def list_alerts(place: PageArgs, warehouse_id: str | None = None) -> Page:
    """A page of the levels at or below their reorder point, most recent first, with what is on order for them."""
    table = inventory.Stock
    low = inventory.select_levels(warehouse_id=warehouse_id, low=True)
    low = low.add_columns(inventory.on_order_of(table.product_id, table.warehouse_id))
    keys = table.low_since.desc(), table.product_id.desc(), table.warehouse_id.desc()
    with transaction() as session:
        found = page(session, low, *keys, **place)
        found["data"] = [
            {**level_view(stock), "sku": sku, "title": title, "low_since": stock.low_since, "on_order": on_order}
            for stock, sku, title, on_order in found["data"]
        ]
    return found


def check_capacity(warehouse_id: str, product_id: str, quantity: int) -> dict[str, object]:
    """Whether a quantity of a product fits into the warehouse now. `remaining` None: unlimited. Raises NotFound."""
    with transaction() as session:
        warehouse = inventory.get_warehouse(session, warehouse_id)
        fits, remaining = inventory.check_capacity(session, warehouse, product_id, quantity)
    return {"fits": fits, "remaining": remaining}
