"""Response schemas of the payment views."""

from marshmallow import fields, validate

from api.http.fields import IdField, Money, Schema, Timestamp
from models import payments


class Transaction(Schema):
    id = IdField("txn")
    kind = fields.String(validate=validate.OneOf(("authorise", "capture", "void", "refund")))
    status = fields.String(validate=validate.OneOf(("succeeded", "declined")))
    amount = fields.Nested(Money)
    reference = fields.String(allow_none=True)
    created_at = Timestamp()


class PaymentSummary(Schema):
    id = IdField("pay")
    order_id = IdField("ord")
    status = fields.String(validate=validate.OneOf(payments.PAYMENT_STATUS.statuses))
    amount = fields.Nested(Money)
    method = fields.String()
    gateway = fields.String()
    reference = fields.String(allow_none=True)
    decline_code = fields.String(allow_none=True)
    created_at = Timestamp()
    updated_at = Timestamp()


class Payment(PaymentSummary):
    transactions = fields.List(fields.Nested(Transaction))
