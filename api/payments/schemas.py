"""Response schemas of the payment views."""

from marshmallow import fields, validate

from api.http.fields import Amount, IdField, Line, Money, Schema, Timestamp
from api.tasks.schemas import Accepted
from models import payments


class TransactionError(Schema):
    code = fields.String()
    detail = fields.String()


class Transaction(Schema):
    id = IdField("txn")
    kind = fields.String(validate=validate.OneOf(payments.TRANSACTION_KINDS))
    status = fields.String(validate=validate.OneOf(payments.TRANSACTION_STATUSES))
    amount = fields.Nested(Money)
    reference = fields.String(allow_none=True)
    task_id = IdField("run", allow_none=True, attribute="run_id")
    error = fields.Nested(TransactionError, allow_none=True)
    respond_by = Timestamp(
        allow_none=True,
        metadata={"description": "Of a dispute: until when the provider takes a response; null if it takes none"},
    )
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
    captured = fields.Nested(Money)
    refunded = fields.Nested(Money)
    refundable = fields.Nested(
        Money, metadata={"description": "Captured, less refunds that succeeded or are pending, and disputes"}
    )
    transactions = fields.List(fields.Nested(Transaction))


class Capture(Schema):
    amount = Amount(metadata={"description": "Minor units; by default all that is authorised. The rest is released."})


class Refund(Schema):
    amount = Amount(metadata={"description": "Minor units; by default all that can still be refunded"})
    reason = Line(1, 500, links=True, required=True)


class AcceptedTransaction(Accepted):
    payment_id = IdField("pay", required=True)
    transaction_id = IdField("txn", required=True)
