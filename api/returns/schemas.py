"""Schemas of the return views."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, Line, List, Money, Schema, Timestamp
from api.tasks.schemas import Accepted
from models import returns

QUANTITY = validate.Range(1, 100_000)


class ReturnLineBody(Schema):
    product_id = IdField("prd", required=True)
    quantity = fields.Integer(required=True, strict=True, validate=QUANTITY)


class NewReturnBody(TypedDict):
    lines: list[dict[str, object]]
    reason: str
    comment: NotRequired[str]
    exchange: NotRequired[list[dict[str, object]]]


class NewReturn(Schema):
    lines = List(fields.Nested(ReturnLineBody), required=True, validate=validate.Length(1, 200))
    reason = Line(1, 500, links=True, required=True)
    comment = fields.String(validate=validate.Length(1, 2000))
    exchange = List(
        fields.Nested(ReturnLineBody), validate=validate.Length(1, 200),
        metadata={"description": "What is sent instead, once the goods are received; at most worth as much as they"},
    )  # fmt: skip

    @validates_schema
    def check_lines(self, data: dict[str, list[dict[str, object]]], **_: object) -> None:
        for name in ("lines", "exchange"):
            products = [line["product_id"] for line in data.get(name, [])]
            if len(set(products)) < len(products):
                raise ValidationError({name: ["name a product only once"]})


class ReturnRefusal(Schema):
    reason = Line(1, 500, links=True, required=True)


class ReceivedLine(ReturnLineBody):
    condition = fields.String(required=True, validate=validate.OneOf(("resellable", "damaged")))


class ReturnReceipt(Schema):
    lines = List(fields.Nested(ReceivedLine), required=True, validate=validate.Length(1, 400))


class ReturnLine(Schema):
    product_id = IdField("prd")
    quantity = fields.Integer(metadata={"description": "Announced units"})
    received = fields.Integer()
    resellable = fields.Integer()
    damaged = fields.Integer()


class ExchangeLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    quantity = fields.Integer()


class Return(Schema):
    id = IdField("ret")
    order_id = IdField("ord")
    user_id = IdField("usr")
    status = fields.String(validate=validate.OneOf(returns.RETURN_STATUS.statuses))
    reason = fields.String()
    comment = fields.String(allow_none=True)
    refused_because = fields.String(allow_none=True)
    lines = fields.List(fields.Nested(ReturnLine))
    refund = fields.Nested(Money, allow_none=True)
    exchange = fields.List(fields.Nested(ExchangeLine), allow_none=True)
    replacement_order_id = IdField("ord", allow_none=True)
    carrier = fields.String(allow_none=True)
    tracking_number = fields.String(allow_none=True)
    tracking_url = fields.String(allow_none=True)
    label_url = fields.String(allow_none=True, metadata={"description": "The label for the way back, as a PDF"})
    label_error = fields.String(allow_none=True, metadata={"description": "Why the carrier has sold no label"})
    task_id = IdField("run", attribute="run_id")
    created_at = Timestamp()
    decided_at = Timestamp(allow_none=True)
    received_at = Timestamp(allow_none=True)


class AcceptedReturn(Accepted):
    return_id = IdField("ret", required=True)
    order_id = IdField("ord", required=True)
