"""Request and response schemas of transfers, and of the stock of one product."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, List, Schema, Timestamp
from api.http.pagination import PageQuery
from api.tasks.schemas import Accepted
from models import inventory
from serving.reservations import MAX_LINES, Delivery, GoodsBody


class NewTransfer(Delivery):
    source_id = IdField("wh", required=True, data_key="from", metadata={"description": "A warehouse"})
    target_id = IdField("wh", required=True, data_key="to", metadata={"description": "Another warehouse"})

    @validates_schema
    def _two_warehouses(self, data: "NewTransferBody", **_: object) -> None:
        if data["source_id"] == data["target_id"]:
            raise ValidationError("must be another warehouse", "to")


class NewTransferBody(TypedDict):
    source_id: str
    target_id: str
    lines: list[GoodsBody]


class Arrived(Schema):
    product_id = IdField("prd", required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(0, inventory.MAX_LEVEL))


class TransferReceiptBody(TypedDict):
    lines: NotRequired[list[GoodsBody]]


class TransferReceipt(Schema):
    lines = List(
        fields.Nested(Arrived), validate=validate.Length(1, MAX_LINES),
        metadata={"description": "What has arrived; by default everything. What is not named is written off"},
    )  # fmt: skip

    @validates_schema
    def _each_product_once(self, data: TransferReceiptBody, **_: object) -> None:
        products = [line["product_id"] for line in data.get("lines", [])]
        if len(set(products)) < len(products):
            raise ValidationError("each product may appear only once", "lines")


class TransferLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    quantity = fields.Integer(metadata={"description": "Units sent"})
    received = fields.Integer(allow_none=True, metadata={"description": "Units that have arrived; null until known"})


class Transfer(Schema):
    id = IdField("tfr")
    source_id = IdField("wh", data_key="from")
    target_id = IdField("wh", data_key="to")
    status = fields.String(validate=validate.OneOf(inventory.TRANSFER_STATUS.statuses))
    lines = fields.List(fields.Nested(TransferLine))
    task_id = IdField("run", attribute="run_id")
    created_at = Timestamp()
    updated_at = Timestamp()
    received_at = Timestamp(allow_none=True)
    cancelled_at = Timestamp(allow_none=True)


class TransferQuery(PageQuery):
    status = fields.String(validate=validate.OneOf(inventory.TRANSFER_STATUS.statuses))
    warehouse_id = IdField("wh", metadata={"description": "From or to this warehouse"})


class AcceptedTransfer(Accepted):
    transfer_id = IdField("tfr", required=True)


class ProductLevel(Schema):
    warehouse_id = IdField("wh")
    name = fields.String()
    on_hand = fields.Integer()
    reserved = fields.Integer()
    available = fields.Integer()
    in_transit = fields.Integer(metadata={"description": "Units in transit to the warehouse"})
    backordered = fields.Integer(
        metadata={"description": "Units that orders wait for; they count in the default warehouse"}
    )


class ProductStock(Schema):
    product_id = IdField("prd")
    data = fields.List(fields.Nested(ProductLevel))
