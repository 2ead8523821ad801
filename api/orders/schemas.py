"""Response schemas of the order views."""

from marshmallow import fields, validate

from api.http.fields import IdField, Money, Schema, Timestamp
from models import orders, payments


class OrderLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    quantity = fields.Integer()
    unit_price = fields.Nested(Money)
    line_total = fields.Nested(Money)


class OrderReason(Schema):
    code = fields.String()
    detail = fields.String()


class Order(Schema):
    id = IdField("ord")
    number = fields.String()
    user_id = IdField("usr")
    status = fields.String(validate=validate.OneOf(orders.ORDER_STATUS.statuses))
    reason = fields.Nested(OrderReason, allow_none=True)
    payment_status = fields.String(validate=validate.OneOf(payments.PAYMENT_STATUS.statuses))
    payment_id = IdField("pay")
    invoice_number = fields.String(allow_none=True)
    lines = fields.List(fields.Nested(OrderLine))
    total = fields.Nested(Money)
    address = fields.Dict()
    task_id = IdField("run")
    created_at = Timestamp()
    confirmed_at = Timestamp(allow_none=True)
    cancelled_at = Timestamp(allow_none=True)
