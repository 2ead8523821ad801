"""Views of an order's allocation: which warehouses supply it."""

from typing import NotRequired, TypedDict

from flask.views import MethodView
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from api.fulfilment.blueprint import blueprint
from api.fulfilment.schemas import ParcelLineBody
from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.fields import IdField, List, Schema
from api.http.idempotency import idempotent
from models import fulfilment, orders
from models.core.database import transaction


class NewAllocationBody(TypedDict):
    warehouse_id: str
    lines: NotRequired[list[dict[str, object]]]


class NewAllocation(Schema):
    warehouse_id = IdField("wh", required=True)
    lines = List(
        fields.Nested(ParcelLineBody), validate=validate.Length(1, 200),
        metadata={"description": "By default everything that is allocated elsewhere"},
    )  # fmt: skip

    @validates_schema
    def check_lines(self, data: NewAllocationBody, **_: object) -> None:
        products = [line["product_id"] for line in data.get("lines", [])]
        if len(set(products)) < len(products):
            raise ValidationError({"lines": ["name a product only once"]})


class AllocatedUnits(Schema):
    warehouse_id = IdField("wh")
    product_id = IdField("prd")
    quantity = fields.Integer(metadata={"description": "Units that are in no parcel"})


class Allocation(Schema):
    data = fields.List(fields.Nested(AllocatedUnits))


@blueprint.route('/orders/<id("ord"):order_id>/allocation')
class AllocationView(MethodView):
    @allowed("orders:write")
    @blueprint.response(200, Allocation)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns which warehouses supply an order: what is allocated to it and in no parcel."""
        with transaction() as session:
            orders.get(session, order_id)
            return _view(fulfilment.left_to_pack(session, order_id))

    @allowed("orders:write")
    @error_codes("not_found", "wrong_state", "warehouse_closed", "nothing_to_ship", "insufficient_stock")
    @blueprint.arguments(NewAllocation)
    @idempotent()
    @blueprint.response(200, Allocation)
    def post(self, session: Session, body: NewAllocationBody, order_id: str) -> dict[str, object]:
        """Moves the allocation of an order to a warehouse that has the goods available, before they are packed."""
        lines = {str(line["product_id"]): line["quantity"] for line in body["lines"]} if "lines" in body else None
        left = fulfilment.move_allocation(session, order_id, body["warehouse_id"], lines)  # type: ignore[arg-type]
        return _view(left)


def _view(left: dict[str, dict[str, int]]) -> dict[str, object]:
    units = [
        {"warehouse_id": warehouse_id, "product_id": product_id, "quantity": quantity}
        for warehouse_id, there in left.items()
        for product_id, quantity in there.items()
    ]
    return {"data": units}
