"""Views of stock levels, stock movements and reorder points."""

from typing import Any

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.pagination import Page, mark_page, page, page_of
from api.inventory.blueprint import blueprint
from api.inventory.schemas import (
    Adjusted,
    Adjustment,
    AdjustmentBody,
    Level,
    ListedLevel,
    Movement,
    MovementQuery,
    Threshold,
    ThresholdBody,
)
from models import inventory
from models.core.database import transaction
from serving.inventory import LevelQuery, level_view, list_levels


@blueprint.route("/stock")
class StockView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(LevelQuery, location="query")
    @blueprint.response(200, page_of(ListedLevel))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns stock levels per product and warehouse."""
        mark_page()
        return list_levels(query)


@blueprint.route("/stock/adjustments")
class AdjustmentsView(MethodView):
    @allowed("stock:write")
    @error_codes("not_found", "below_reserved", "insufficient_stock", "capacity_exceeded", "warehouse_closed")
    @blueprint.arguments(Adjustment)
    @idempotent()
    @blueprint.response(201, Adjusted)
    def post(self, session: Session, body: AdjustmentBody) -> dict[str, object]:
        """Adjusts a stock level. 409 if it would exceed the capacity or fall below the reserved units."""
        movement, level = inventory.adjust(session, actor=g.principal.user_id, **body)
        return {**_movement(movement), **level_view(level)}


@blueprint.route("/stock/movements")
class MovementsView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(MovementQuery, location="query")
    @blueprint.response(200, page_of(Movement))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns stock movements, newest first."""
        chosen = {name: query.pop(name) for name in ("product_id", "warehouse_id") if name in query}
        with transaction() as session:
            return page(session, inventory.select_movements(**chosen), inventory.Movement.id.desc(), **query)


@blueprint.route("/stock/thresholds")
class ThresholdsView(MethodView):
    @allowed("stock:write")
    @error_codes("not_found")
    @blueprint.arguments(Threshold)
    @blueprint.response(200, Level)
    def put(self, body: ThresholdBody) -> dict[str, object]:
        """Sets reorder point and reorder quantity of a stock level. A null reorder point removes the rule."""
        with transaction() as session:
            level = inventory.set_threshold(
                session, body["product_id"], body.get("warehouse_id"), body["reorder_point"], body["reorder_quantity"]
            )
        return level_view(level)


def _movement(movement: inventory.Movement) -> dict[str, object]:
    return {name: getattr(movement, name) for name in Movement._declared_fields}
