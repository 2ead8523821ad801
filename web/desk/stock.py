"""Stock: the levels by product and warehouse, and the page of one product with adjustments and reorder points."""

import json
from collections.abc import Callable
from typing import Any

from flask import Response, g, url_for
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.inventory.schemas import Adjustment, Threshold
from models import catalogue, inventory
from models.core.database import transaction
from serving.catalogue import ProductQuery, parse_query, read_page
from serving.inventory import LevelQuery, level_view
from serving.pages import page
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text, whole
from web.desk.versions import check_version, version_of
from web.language import translatable as _

PRODUCT = '/stock/<id("prd"):product_id>'
FOUND = 100
"""Products that a search looks up levels of."""
MOVEMENTS = 25
VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (_("All"), {}), (_("At the reorder point"), {"low": "true"}),
)  # fmt: skip


class LevelFilters(LevelQuery):
    q = fields.String(validate=validate.Length(1, 200))


@desk.get("/stock")
@access.allowed("stock:read")
def stock_page() -> Response:
    """The stock levels per product and warehouse."""
    filters = read_filters(LevelFilters(), "q", "warehouse_id", "low")
    found: Any = {"data": [], "next_cursor": None}
    with transaction() as session:
        warehouses = list_warehouses(session)
        if filters.values is not None:
            chosen = dict(filters.values)
            products = _find_products(chosen.pop("q", ""))
            query = inventory.select_levels(**chosen)
            table = inventory.Stock
            if products is not None:
                query = query.where(table.product_id.in_(products))
            found = page(session, query, table.product_id.asc(), table.warehouse_id.asc(), **filters.place)
    levels = [{**level_view(row), "sku": sku, "title": title} for row, sku, title in found["data"]]
    views = [(name, url_for("desk.stock_page", **one), one == filters.shown) for name, one in VIEWS]
    return show("stock.html", section="desk.stock_page", levels=levels, cursor=found["next_cursor"], filters=filters,
                warehouses=warehouses, views=views)  # fmt: skip


@desk.get(PRODUCT)
@access.allowed("stock:read")
def product_stock(product_id: str) -> Response:
    """The stock of a product in each warehouse, with its last movements."""
    return show_stock(product_id, read_outcome())


@desk.post(f"{PRODUCT}/adjust")
@takes_form
@access.allowed("stock:write")
def adjust(product_id: str) -> Response:
    """Adds units to a level, or takes some away."""

    def work(session: Session) -> None:
        body: Any = load(
            Adjustment(), product_id=product_id, warehouse_id=text("warehouse_id"), quantity=whole(text("quantity")),
            reason=text("reason"), reference=text("reference"),
        )  # fmt: skip
        inventory.adjust(session, actor=g.principal.user_id, **body)

    return act_on_stock(product_id, "adjusted", work)


@desk.post(f"{PRODUCT}/threshold")
@takes_form
@access.allowed("stock:write")
def set_threshold(product_id: str) -> Response:
    """Sets the reorder point of a level, unless somebody else has changed it; without one, it is removed."""

    def work(session: Session) -> None:
        point, quantity = text("reorder_point"), text("reorder_quantity")
        warehouse_id = text("warehouse_id")
        given = {"product_id": product_id, "warehouse_id": warehouse_id,
                 "reorder_quantity": whole(quantity) if quantity else None}  # fmt: skip
        if point:
            given["reorder_point"] = whole(point)
        body: Any = load(Threshold(partial=("reorder_point",)), **given)
        level = session.get(inventory.Stock, (product_id, body.get("warehouse_id")), with_for_update=True)
        check_version(level.reorder_point if level else None, level.reorder_quantity if level else None)
        inventory.set_threshold(
            session, product_id, body.get("warehouse_id"), body.get("reorder_point"), body["reorder_quantity"]
        )

    return act_on_stock(product_id, "threshold", work)


def act_on_stock(product_id: str, done: str, work: Callable[[Session], str | None]) -> Response:
    """Does something with the stock of a product and leads to its page, which says so."""

    def address(session: Session) -> str:
        task = work(session)
        return url_for("desk.product_stock", product_id=product_id, done=done, task=task)

    return send(address, lambda outcome, status: show_stock(product_id, outcome, status))


def show_stock(product_id: str, outcome: Outcome, status: int = 200) -> Response:
    """The page of a product's stock, with what an action did or why it was refused."""
    with transaction() as session:
        levels = inventory.list_product_levels(session, product_id)
        product = session.get_one(catalogue.Product, product_id)
        rows = session.scalars(select(inventory.Stock).where(inventory.Stock.product_id == product_id)).all()
        points = {row.warehouse_id: (row.reorder_point, row.reorder_quantity) for row in rows}
        versions = {one["warehouse_id"]: version_of(*points.get(one["warehouse_id"], (None, None))) for one in levels}
        newest = inventory.select_movements(product_id).order_by(inventory.Movement.id.desc()).limit(MOVEMENTS)
        movements = session.scalars(newest).all()
        undone = {one.reference for one in movements if one.reason == inventory.UNDO}
        undoable = {one.id for one in movements if inventory.can_be_undone(one)} - undone
        terms = inventory.get_terms(session, product_id) if product.deleted_at is None else None
        waiting = inventory.count_waiting(session, product_id)
        warehouses = list_warehouses(session)
    return show(
        "product_stock.html", status, section="desk.stock_page", product=product, levels=levels, points=points,
        versions=versions, movements=movements, warehouses=warehouses, outcome=outcome, undoable=undoable, terms=terms,
        waiting=waiting, terms_version=version_of(terms.maximum, terms.promised_on) if terms else "",
    )  # fmt: skip


def _find_products(q: str) -> list[str] | None:
    """The ids of the products that match best; None: all."""
    if not q:
        return None
    query = ProductQuery().load({"q": q, "limit": FOUND})
    return [json.loads(product)["id"] for product in read_page(parse_query(query)).products]


def list_warehouses(session: Session) -> dict[str, str]:
    """The id and the name of every warehouse, by name."""
    rows = session.scalars(inventory.select_warehouses().order_by(inventory.Warehouse.name))
    return {row.id: row.name for row in rows}
