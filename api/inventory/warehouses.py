"""Views of warehouses: address, stock totals and remaining capacity."""

from flask import url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.etags import ETAG, check_unchanged, etag
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.inventory.blueprint import blueprint
from api.inventory.schemas import (
    CapacityResult,
    GoodsBody,
    NewWarehouse,
    NewWarehouseBody,
    Warehouse,
    WarehouseChanges,
    WarehouseDetail,
)
from models import catalogue, inventory
from models.core.database import transaction
from serving.inventory import CapacityQuery, check_capacity


@blueprint.route("/warehouses")
class WarehousesView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Warehouse))
    def get(self, query: PageArgs) -> Page:
        """Returns all warehouses."""
        with transaction() as session:
            found = page(session, inventory.select_warehouses(), inventory.Warehouse.id.asc(), **query)
            kinds = catalogue.kind_names(session)
            found["data"] = [_shown(warehouse, kinds) for warehouse in found["data"]]
        return found

    @allowed("stock:write")
    @error_codes("name_taken")
    @blueprint.arguments(NewWarehouse)
    @idempotent()
    @blueprint.response(201, Warehouse)
    def post(self, session: Session, body: NewWarehouseBody) -> tuple[object, dict[str, str]]:
        """Creates a warehouse."""
        warehouse = inventory.create_warehouse(
            session, body["name"], body.get("address", {}), body.get("capacity", {}), body.get("status", "active")
        )
        address = url_for("inventory.WarehouseView", warehouse_id=warehouse.id)
        return _shown(warehouse, catalogue.kind_names(session)), {"Location": address, **etag(warehouse.updated_at)}


@blueprint.route('/warehouses/<id("wh"):warehouse_id>')
class WarehouseView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, WarehouseDetail, headers=ETAG)
    def get(self, warehouse_id: str) -> tuple[object, dict[str, str]]:
        """Returns a warehouse with its stock and remaining capacity per product kind."""
        with transaction() as session:
            return _in_detail(session, inventory.get_warehouse(session, warehouse_id))

    @allowed("stock:write")
    @error_codes("stale", "name_taken", "default_warehouse", "capacity_exceeded")
    @blueprint.arguments(WarehouseChanges)
    @blueprint.response(200, WarehouseDetail, headers=ETAG)
    def patch(self, body: dict[str, object], warehouse_id: str) -> tuple[object, dict[str, str]]:
        """Updates a warehouse. A closed warehouse accepts no stock, and its stock is not sold."""
        with transaction() as session:
            check_unchanged(inventory.lock_warehouse(session, warehouse_id).updated_at)
            return _in_detail(session, inventory.update_warehouse(session, warehouse_id, body))


@blueprint.route('/warehouses/<id("wh"):warehouse_id>/capacity-check')
class CapacityCheckView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(CapacityQuery)
    @blueprint.response(200, CapacityResult)
    def post(self, body: GoodsBody, warehouse_id: str) -> dict[str, object]:
        """Checks whether a quantity of a product fits into the warehouse now."""
        return check_capacity(warehouse_id, **body)


def _shown(warehouse: inventory.Warehouse, kinds: list[str]) -> dict[str, object]:
    names = ("id", "name", "address", "status", "is_default", "created_at", "updated_at")
    capacity = {kind: warehouse.capacity.get(kind) for kind in kinds}
    return {**{name: getattr(warehouse, name) for name in names}, "capacity": capacity}


def _in_detail(session: Session, warehouse: inventory.Warehouse) -> tuple[object, dict[str, str]]:
    room = inventory.get_remaining_capacity(session, warehouse)
    remaining = {kind: None if pieces is None else max(pieces, 0) for kind, pieces in room.items()}
    levels = inventory.get_totals(session, warehouse)
    beside = ".".join(str(pieces) for totals in levels.values() for pieces in totals.values())
    return {**_shown(warehouse, list(room)), "levels": levels, "remaining": remaining}, etag(
        warehouse.updated_at, beside
    )
