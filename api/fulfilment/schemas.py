"""Schemas of the fulfilment views."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, List, Money, Schema, Timestamp
from api.tasks.schemas import Accepted
from models import fulfilment


class ParcelLineBody(Schema):
    product_id = IdField("prd", required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100_000))


class NewFulfilmentBody(TypedDict):
    lines: NotRequired[list[dict[str, object]]]
    warehouse_id: NotRequired[str]
    carrier: NotRequired[str]
    service: NotRequired[str]
    tracking_number: NotRequired[str]


class NewFulfilment(Schema):
    lines = List(
        fields.Nested(ParcelLineBody), validate=validate.Length(1, 200),
        metadata={"description": "By default everything that is left in the warehouse"},
    )  # fmt: skip
    warehouse_id = IdField(
        "wh", metadata={"description": "By default the warehouse that can supply the lines, or the most of them"}
    )
    carrier = fields.String(validate=validate.Length(1, 100), metadata={"example": "Albatross"})
    service = fields.String(
        validate=validate.Length(1, 100),
        metadata={"example": "Standard", "description": "By default the cheapest, or that of the shop's settings"},
    )
    tracking_number = fields.String(
        validate=validate.Length(1, 100), metadata={"description": "Without it, a label is bought"}
    )

    @validates_schema
    def check_lines(self, data: NewFulfilmentBody, **_: object) -> None:
        products = [line["product_id"] for line in data.get("lines", [])]
        if len(set(products)) < len(products):
            raise ValidationError({"lines": ["name a product only once"]})


class ParcelEvent(Schema):
    at = Timestamp(attribute="created_at")
    status = fields.String()
    description = fields.String(allow_none=True)
    place = fields.String(allow_none=True)


class ParcelLine(Schema):
    product_id = IdField("prd")
    quantity = fields.Integer()


class Fulfilment(Schema):
    id = IdField("ful")
    order_id = IdField("ord")
    status = fields.String(validate=validate.OneOf(fulfilment.PARCEL_STATUS.statuses))
    lines = fields.List(fields.Nested(ParcelLine))
    warehouse_id = IdField("wh")
    carrier = fields.String(allow_none=True)
    service = fields.String(allow_none=True)
    tracking_number = fields.String(allow_none=True)
    tracking_url = fields.String(allow_none=True)
    label_url = fields.String(allow_none=True, metadata={"description": "The label as a PDF; only shown to staff"})
    label_cost = fields.Nested(Money, allow_none=True, metadata={"description": "Only shown to staff"})
    label_refund = fields.String(
        allow_none=True, validate=validate.OneOf(("submitted", "refunded", "rejected", "not_applicable")),
        metadata={"description": "What the carrier says of the refund of an unused label", "example": "refunded"},
    )  # fmt: skip
    task_id = IdField("run", attribute="run_id")
    created_at = Timestamp()
    shipped_at = Timestamp(allow_none=True)
    delivered_at = Timestamp(allow_none=True)
    events = fields.List(fields.Nested(ParcelEvent))


class Fulfilments(Schema):
    data = fields.List(fields.Nested(Fulfilment))


class AcceptedFulfilment(Accepted):
    fulfilment_id = IdField("ful", required=True)
    order_id = IdField("ord", required=True)


class RatesQuery(Schema):
    order_id = IdField("ord", required=True)


class ShippingRate(Schema):
    carrier = fields.String()
    service = fields.String()
    price = fields.Nested(Money)
    delivery_days = fields.Integer(allow_none=True)


class ShippingRates(Schema):
    order_id = IdField("ord")
    warehouse_id = IdField("wh")
    data = fields.List(fields.Nested(ShippingRate))


class PickingQuery(Schema):
    warehouse_id = IdField("wh", required=True)


class PickingLine(Schema):
    order_id = IdField("ord")
    order_number = fields.String()
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    quantity = fields.Integer()


class PickingList(Schema):
    warehouse_id = IdField("wh")
    data = fields.List(fields.Nested(PickingLine))
    has_more = fields.Boolean(metadata={"description": "Whether there are more lines than are shown"})
