"""Request and response schemas of stock counts."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import EITHER, IdField, List, Schema, Timestamp
from api.http.pagination import PageQuery
from api.tasks.schemas import Accepted
from models import inventory
from models.inventory import Counted
from serving.reservations import MAX_LINES

SHOWN_LINES = 500
"""Lines that a count contains; the list of its lines, and the CSV file, contain all."""


class CountedGoods(Schema):
    product_id = IdField("prd", metadata=EITHER)
    sku = fields.String(validate=validate.Length(1, 64), metadata={**EITHER, "example": "BOOK-EMMA"})
    barcode = fields.String(
        validate=validate.Length(1, 64), metadata={**EITHER, "description": "The ISBN of a book"}
    )  # fmt: skip
    counted = fields.Integer(required=True, strict=True, validate=validate.Range(0, inventory.MAX_LEVEL))

    @validates_schema
    def _named_once(self, data: Counted, **_: object) -> None:
        if len({"product_id", "sku", "barcode"} & data.keys()) != 1:
            raise ValidationError("exactly one of product_id, sku and barcode is required", "product_id")


class CountedLinesBody(TypedDict):
    lines: list[Counted]


class CountedLines(Schema):
    lines = List(fields.Nested(CountedGoods), required=True, validate=validate.Length(1, MAX_LINES))

    @validates_schema
    def _each_name_once(self, data: CountedLinesBody, **_: object) -> None:
        names = [tuple(value for name, value in line.items() if name != "counted") for line in data.get("lines", [])]
        if len(set(names)) < len(names):
            raise ValidationError("each product may appear only once", "lines")


class NewStockCountBody(TypedDict):
    warehouse_id: NotRequired[str]
    product_ids: NotRequired[list[str]]
    category_id: NotRequired[str]
    lines: NotRequired[list[Counted]]


class NewStockCount(CountedLines):
    warehouse_id = IdField("wh", metadata={"description": "Defaults to the default warehouse"})
    product_ids = List(
        IdField("prd"), validate=validate.Length(1, MAX_LINES),
        metadata={"description": "Counts these products"},
    )  # fmt: skip
    category_id = IdField("cat", metadata={"description": "Counts the products of this category and those below it"})
    lines = List(
        fields.Nested(CountedGoods), validate=validate.Length(1, MAX_LINES),
        metadata={"description": "What was counted already. Without `product_ids` and `category_id`, the count is of "
                                 "these products"},
    )  # fmt: skip

    @validates_schema
    def _one_scope(self, data: NewStockCountBody, **_: object) -> None:
        if "product_ids" in data and "category_id" in data:
            raise ValidationError("not together with product_ids", "category_id")


class CountTotals(Schema):
    lines = fields.Integer(metadata={"description": "Products that are to be counted"})
    counted = fields.Integer(metadata={"description": "Of those, products that were counted"})
    differing = fields.Integer(metadata={"description": "Products that differ"})
    surplus = fields.Integer(metadata={"description": "Units that were counted beyond those expected"})
    missing = fields.Integer(metadata={"description": "Units that were expected beyond those counted"})
    value = fields.Integer(metadata={"description": "What surplus less missing units are worth, in minor units"})
    absolute_value = fields.Integer(
        metadata={"description": "What surplus and missing units are worth, in minor units"}
    )  # fmt: skip
    booked = fields.Integer(metadata={"description": "Products whose difference is booked"})
    short = fields.Integer(metadata={"description": "Missing units that are reserved for orders, and not booked"})


class StockCountLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    expected = fields.Integer(allow_none=True, metadata={"description": "On hand when it was counted; null before"})
    counted = fields.Integer(allow_none=True)
    difference = fields.Integer(allow_none=True)
    unit_value = fields.Integer(metadata={"description": "The product's price, in minor units"})
    value = fields.Integer(allow_none=True, metadata={"description": "What the difference is worth, in minor units"})
    counted_by = fields.String(allow_none=True)
    counted_at = Timestamp(allow_none=True)
    booked = fields.Integer(allow_none=True, metadata={"description": "Units of the movement; null before"})
    short = fields.Integer(metadata={"description": "Missing units that are reserved for orders, and not booked"})


class ListedStockCount(Schema):
    id = IdField("cnt")
    warehouse_id = IdField("wh")
    scope = fields.String(validate=validate.OneOf(inventory.SCOPES))
    category_id = IdField("cat", allow_none=True)
    status = fields.String(validate=validate.OneOf(inventory.STOCK_COUNT_STATUS.statuses))
    opened_by = fields.String(allow_none=True)
    submitted_by = fields.String(allow_none=True)
    submitted_at = Timestamp(allow_none=True)
    decided_by = fields.String(allow_none=True, metadata={"description": "Who approved, refused or cancelled it"})
    decided_at = Timestamp(allow_none=True)
    reason = fields.String(allow_none=True, metadata={"description": "Why it was refused, cancelled or has expired"})
    booked_at = Timestamp(allow_none=True)
    created_at = Timestamp()
    updated_at = Timestamp()
    task_id = IdField("run", attribute="run_id")
    links = fields.Dict(keys=fields.String(), values=fields.String())


class StockCount(ListedStockCount):
    expires_at = Timestamp(allow_none=True, metadata={"description": "Null once it was decided"})
    currency = fields.String()
    totals = fields.Nested(CountTotals)
    lines = fields.List(
        fields.Nested(StockCountLine), metadata={"description": f"At most the first {SHOWN_LINES}, by product"}
    )
    lines_complete = fields.Boolean()


class StockCountQuery(PageQuery):
    status = fields.String(validate=validate.OneOf(inventory.STOCK_COUNT_STATUS.statuses))
    warehouse_id = IdField("wh")


class CountLineQuery(PageQuery):
    state = fields.String(validate=validate.OneOf(tuple(inventory.LINE_STATES)))


class EnteredLines(Schema):
    lines = fields.List(fields.Nested(StockCountLine))


class RefusalOfCount(Schema):
    reason = fields.String(required=True, validate=validate.Length(1, 500), metadata={"example": "Count shelf 4 again"})


class CancellationOfCount(Schema):
    reason = fields.String(validate=validate.Length(1, 500))


class AcceptedCount(Accepted):
    stock_count_id = IdField("cnt", required=True)
