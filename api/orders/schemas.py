"""Response schemas of the order views."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import SOMETIMES, IdField, Line, List, Money, Schema, Timestamp
from api.tasks.schemas import Accepted
from models import fulfilment, orders, payments


class OrderLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    quantity = fields.Integer()
    unit_price = fields.Nested(Money)
    line_total = fields.Nested(Money)


class OrderedLine(OrderLine):
    cancelled = fields.Integer(metadata={"description": "Of the quantity, pieces that were cancelled"})
    backordered = fields.Integer(metadata={"description": "Units that were sold beyond stock and have not come yet"})
    promised_on = fields.Date(allow_none=True, metadata={"description": "When the backordered units are promised"})


class OrderReason(Schema):
    code = fields.String()
    detail = fields.String()


class Change(Schema):
    at = Timestamp()
    by = fields.String(allow_none=True, metadata={"description": "A user's id, or the workflow"})
    from_ = fields.String(allow_none=True, data_key="from", attribute="from")
    to = fields.String()
    reason = fields.String(allow_none=True)


class History(Schema):
    data = fields.List(fields.Nested(Change))


class CreditNoteLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    quantity = fields.Integer()
    unit_price = fields.Nested(Money)


class CreditNote(Schema):
    id = IdField("crn")
    number = fields.String()
    order_id = IdField("ord")
    amount = fields.Nested(Money)
    reason = fields.String(allow_none=True)
    lines = fields.List(fields.Nested(CreditNoteLine))
    issued_at = Timestamp()


class CreditNotes(Schema):
    data = fields.List(fields.Nested(CreditNote))


class Seller(Schema):
    name = fields.String()
    address = fields.String()
    tax_id = fields.String(allow_none=True)


class Customer(Schema):
    name = fields.String(allow_none=True, metadata={"description": "Null once the account is closed"})
    address = fields.Dict()


class Document(Schema):
    """What invoices and credit notes have in common."""

    id = fields.String()
    number = fields.String()
    order_id = IdField("ord")
    order_number = fields.String()
    payment_status = fields.String(validate=validate.OneOf(payments.PAYMENT_STATUS.statuses))
    issued_at = Timestamp()
    seller = fields.Nested(Seller)
    customer = fields.Nested(Customer)
    lines = fields.List(fields.Nested(OrderLine))
    total = fields.Nested(Money)


class Invoice(Document):
    id = IdField("inv")
    status = fields.String(validate=validate.OneOf(orders.INVOICE_STATUS.statuses))


class CreditNoteDocument(Document):
    id = IdField("crn")
    invoice_number = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class InvoiceEdit(Schema):
    status = fields.String(required=True, validate=validate.OneOf(orders.INVOICE_STATUS.statuses))


class CancelLine(Schema):
    product_id = IdField("prd", required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100_000))


class CancelBody(TypedDict):
    reason: NotRequired[str]
    lines: NotRequired[list[dict[str, object]]]


class Cancel(Schema):
    reason = Line(1, 500, links=True)
    lines = List(
        fields.Nested(CancelLine), validate=validate.Length(1, 200),
        metadata={"description": "By default all pieces that are in no parcel"},
    )  # fmt: skip

    @validates_schema
    def check_lines(self, data: CancelBody, **_: object) -> None:
        products = [line["product_id"] for line in data.get("lines", [])]
        if len(set(products)) < len(products):
            raise ValidationError({"lines": ["name a product only once"]})


class Edit(Schema):
    status = fields.String(validate=validate.OneOf(orders.ORDER_STATUS.statuses))
    note = fields.String(validate=validate.Length(0, 2000), metadata={"description": "Empty: deletes the note"})
    tags = List(fields.String(validate=validate.Length(1, 64)), validate=validate.Length(0, 50))


class AcceptedCancellation(Accepted):
    order_id = IdField("ord", required=True)


class Order(Schema):
    id = IdField("ord")
    number = fields.String()
    user_id = IdField("usr")
    status = fields.String(validate=validate.OneOf(orders.ORDER_STATUS.statuses))
    reason = fields.Nested(OrderReason, allow_none=True)
    payment_status = fields.String(validate=validate.OneOf(payments.PAYMENT_STATUS.statuses))
    fulfilment_status = fields.String(validate=validate.OneOf(fulfilment.FULFILMENT_STATUSES))
    payment_id = IdField("pay")
    invoice_number = fields.String(allow_none=True)
    lines = fields.List(fields.Nested(OrderedLine))
    promised_on = fields.Date(allow_none=True, metadata={"description": "The latest date promised for its lines"})
    total = fields.Nested(Money)
    address = fields.Dict()
    return_id = IdField("ret", allow_none=True, metadata={"description": "The return whose goods this order replaces"})
    task_id = IdField("run")
    created_at = Timestamp()
    confirmed_at = Timestamp(allow_none=True)
    cancelled_at = Timestamp(allow_none=True)
    note = fields.String(metadata={**SOMETIMES, "description": "Only with `orders:read`"})
    tags = fields.List(fields.String(), metadata={**SOMETIMES, "description": "Only with `orders:read`"})
