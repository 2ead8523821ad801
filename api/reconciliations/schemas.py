"""Request and response schemas of the reconciliation views."""

from datetime import UTC, date, datetime

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, Money, Schema, Timestamp
from models import payments

DIFFERENCES_SHOWN = 1000
EARLIEST = date(2000, 1, 1)


class ReconciliationRequest(Schema):
    day = fields.Date(
        data_key="date",
        metadata={"description": "The last day of the period, in UTC; not in the future. By default today, until now."},
    )

    @validates_schema
    def _is_plausible(self, data: dict[str, date], **_: object) -> None:
        day = data.get("day")
        if day is not None and not EARLIEST <= day <= datetime.now(UTC).date():
            raise ValidationError("must not be in the future, nor before 2000", "date")


class Difference(Schema):
    kind = fields.String(validate=validate.OneOf(payments.DIFFERENCES))
    gateway = fields.String(metadata={"description": "The payment provider"})
    order_id = IdField("ord", allow_none=True)
    payment_id = IdField("pay", allow_none=True)
    reference = fields.String(allow_none=True, metadata={"description": "The payment's id at the provider"})
    ours = fields.Nested(Money, allow_none=True, metadata={"description": "The amount in the shop's books"})
    theirs = fields.Nested(Money, allow_none=True, metadata={"description": "The amount at the provider"})
    repaired = fields.Boolean(metadata={"description": "Whether the reconciliation has corrected it by itself"})


class ListedReconciliation(Schema):
    id = IdField("rec")
    day = fields.Date(data_key="date")
    start = Timestamp(attribute="period_start", data_key="from")
    end = Timestamp(attribute="period_end", data_key="to")
    status = fields.String(validate=validate.OneOf(("clean", "differences")))
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={
            "description": "`ours`, `theirs`: compared payments; `differences`, `repaired`, and each kind that occurs"
        },
    )
    created_at = Timestamp()
    task_id = IdField("run", attribute="run_id")
    links = fields.Dict(keys=fields.String(), values=fields.String())


class Reconciliation(ListedReconciliation):
    differences = fields.List(
        fields.Nested(Difference),
        metadata={"description": f"At most the first {DIFFERENCES_SHOWN}; the CSV file contains all"},
    )
    differences_complete = fields.Boolean()
