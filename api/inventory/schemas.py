"""Request and response schemas of the inventory views."""

from typing import Any, NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import KIND_PATTERN, IdField, Line, List, MapField, Money, Schema, Timestamp
from api.http.pagination import PageQuery
from api.tasks.schemas import Accepted
from models import inventory

MAX_LINES = 500


class Goods(Schema):
    product_id = IdField("prd", required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, inventory.MAX_LEVEL))


class GoodsBody(TypedDict):
    product_id: str
    quantity: int


class DeliveryBody(TypedDict):
    lines: list[GoodsBody]


class Delivery(Schema):
    lines = List(fields.Nested(Goods), required=True, validate=validate.Length(1, MAX_LINES))

    @validates_schema
    def _each_product_once(self, data: DeliveryBody, **_: object) -> None:
        products = [line["product_id"] for line in data["lines"]]
        if len(set(products)) < len(products):
            raise ValidationError("each product may appear only once", "lines")


class OrderedGoods(Goods):
    unit_cost = fields.Nested(
        Money, metadata={"description": "The supplier's price; by default that of the last purchase order"}
    )


class OrderedGoodsBody(GoodsBody):
    unit_cost: NotRequired[dict[str, int]]


class Restock(Delivery):
    lines = List(fields.Nested(OrderedGoods), required=True, validate=validate.Length(1, MAX_LINES))
    warehouse_id = IdField("wh", metadata={"description": "Defaults to the default warehouse"})


class RestockBody(TypedDict):
    lines: list[OrderedGoodsBody]
    warehouse_id: NotRequired[str]


class PurchaseLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    quantity = fields.Integer(metadata={"description": "Units ordered"})
    delivered = fields.Integer(metadata={"description": "Units delivered"})
    received = fields.Integer(metadata={"description": "Delivered units that are received into stock"})
    unit_cost = fields.Nested(Money, allow_none=True, metadata={"description": "None if it is not known"})


class PurchaseOrder(Schema):
    id = IdField("po")
    number = fields.String()
    warehouse_id = IdField("wh")
    status = fields.String(validate=validate.OneOf(inventory.PURCHASE_ORDER_STATUS.statuses))
    lines = fields.List(fields.Nested(PurchaseLine))
    task_id = IdField("run")
    created_at = Timestamp()
    updated_at = Timestamp()
    closed_at = Timestamp(allow_none=True)


class PurchaseOrderQuery(PageQuery):
    status = fields.String(validate=validate.OneOf(inventory.PURCHASE_ORDER_STATUS.statuses))
    warehouse_id = IdField("wh")


class AcceptedRestock(Accepted):
    purchase_order_id = IdField("po", required=True)


MOST = inventory.MAX_LEVEL


class Level(Schema):
    product_id = IdField("prd")
    warehouse_id = IdField("wh")
    on_hand = fields.Integer()
    reserved = fields.Integer()
    available = fields.Integer()
    reorder_point = fields.Integer(allow_none=True)
    reorder_quantity = fields.Integer(allow_none=True)


class ListedLevel(Level):
    sku = fields.String()
    title = fields.String()


class Movement(Schema):
    id = IdField("mov")
    product_id = IdField("prd")
    warehouse_id = IdField("wh")
    quantity = fields.Integer()
    reason = fields.String()
    reference = fields.String(allow_none=True)
    actor = fields.String(allow_none=True)
    created_at = Timestamp()


class MovementQuery(PageQuery):
    product_id = IdField("prd")
    warehouse_id = IdField("wh")


class Adjustment(Schema):
    product_id = IdField("prd", required=True)
    warehouse_id = IdField("wh", metadata={"description": "Defaults to the default warehouse"})
    quantity = fields.Integer(
        required=True, strict=True, validate=[validate.Range(-MOST, MOST), validate.NoneOf([0])],
        metadata={"description": "Units added (+) or removed (-)", "example": 20, "not": {"const": 0}},
    )  # fmt: skip
    reason = fields.String(required=True, validate=validate.Length(1, 200), metadata={"example": "delivery"})
    reference = fields.String(validate=validate.Length(1, 200), metadata={"example": "delivery note 4711"})


class AdjustmentBody(GoodsBody):
    warehouse_id: NotRequired[str]
    reason: str
    reference: NotRequired[str]


class Adjusted(Movement):
    """The movement and the resulting level."""

    on_hand = fields.Integer()
    reserved = fields.Integer()
    available = fields.Integer()


class Threshold(Schema):
    product_id = IdField("prd", required=True)
    warehouse_id = IdField("wh", metadata={"description": "Defaults to the default warehouse"})
    reorder_point = fields.Integer(required=True, strict=True, allow_none=True, validate=validate.Range(0, MOST))
    reorder_quantity = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(1, MOST))


class ThresholdBody(TypedDict):
    product_id: str
    warehouse_id: NotRequired[str]
    reorder_point: int | None
    reorder_quantity: int | None


MAX_KINDS = 1000
"""Of a map by kind in a request. The setting `kinds` says how many the shop may have."""


def _by_kind(values: fields.Field[Any], **options: Any) -> MapField:
    return MapField(keys=fields.String(validate=KIND_PATTERN), values=values, **options)


def _units() -> MapField:
    units = fields.Integer(strict=True, allow_none=True, validate=validate.Range(0, inventory.MAX_LEVEL))
    return _by_kind(
        units, validate=validate.Length(max=MAX_KINDS),
        metadata={"description": "Units by kind of product; null: unlimited", "example": {"book": 5000}},
    )  # fmt: skip


class WarehouseAddress(Schema):
    line1 = Line(0, 200, metadata={"example": "Quay 7"})
    line2 = Line(0, 200)
    city = Line(0, 100, metadata={"example": "Rotterdam"})
    postal_code = Line(0, 20)
    country = Line(0, 60, metadata={"example": "NL"})


class WarehouseChanges(Schema):
    name = Line(1, 200, metadata={"example": "Harbour"})
    address = fields.Nested(WarehouseAddress)
    status = fields.String(validate=validate.OneOf(inventory.WAREHOUSE_STATUS.statuses))
    capacity = _units()


class NewWarehouse(WarehouseChanges):
    name = Line(1, 200, required=True, metadata={"example": "Harbour"})


class NewWarehouseBody(TypedDict):
    name: str
    address: NotRequired[dict[str, str]]
    status: NotRequired[str]
    capacity: NotRequired[dict[str, int | None]]


class Warehouse(WarehouseChanges):
    id = IdField("wh")
    is_default = fields.Boolean()
    created_at = Timestamp()
    updated_at = Timestamp()


class Totals(Schema):
    on_hand = fields.Integer()
    reserved = fields.Integer()
    available = fields.Integer()


class WarehouseDetail(Warehouse):
    levels = _by_kind(fields.Nested(Totals))
    remaining = _units()


class CapacityResult(Schema):
    fits = fields.Boolean()
    remaining = fields.Integer(allow_none=True, metadata={"description": "Null: unlimited"})
