"""What goes in and out of the views of reports."""

from datetime import UTC, datetime, timedelta

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, Schema, Timestamp

LEVELS_SHOWN = 1000


PERIOD = timedelta(hours=24)


SENSIBLE = validate.Range(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


class Period(Schema):
    start = Timestamp(data_key="from", validate=SENSIBLE, metadata={"description": "left out: 24 hours before the end"})
    end = Timestamp(data_key="to", validate=SENSIBLE, metadata={"description": "left out: now"})

    @validates_schema
    def _forwards(self, data: dict[str, datetime], **_: object) -> None:
        start, end = period_of(data)
        if start >= end:
            raise ValidationError("must be before `to`", "from")


class Figures(Schema):
    on_hand = fields.Integer()
    reserved = fields.Integer()
    available = fields.Integer()
    came = fields.Integer(metadata={"description": "pieces that came in the period"})
    went = fields.Integer(metadata={"description": "pieces that went in the period"})
    low = fields.Integer(metadata={"description": "products that have come down to their reorder point"})


class Moved(Schema):
    reason = fields.String()
    movements = fields.Integer()
    came = fields.Integer()
    went = fields.Integer()


class LowLevel(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    on_hand = fields.Integer()
    reserved = fields.Integer()
    available = fields.Integer()
    reorder_point = fields.Integer()


class WarehousePart(Schema):
    id = IdField("wh")
    name = fields.String()
    status = fields.String()
    totals = fields.Nested(Figures)
    kinds = fields.Dict(keys=fields.String(), values=fields.Nested(Figures))
    movements = fields.List(fields.Nested(Moved), metadata={"description": "what moved, by the commonest reasons"})
    low = fields.List(fields.Nested(LowLevel), metadata={"description": "what is low, the most urgent first"})


class ReportedLevel(LowLevel):
    warehouse_id = IdField("wh")
    kind = fields.String()
    reorder_point = fields.Integer(allow_none=True)
    came = fields.Integer()
    went = fields.Integer()
    low = fields.Boolean()


class ListedReport(Schema):
    id = IdField("rep")
    slot = fields.String(metadata={"description": "What it is for: the day on which beat asked for it, or a request"})
    start = Timestamp(attribute="period_start", data_key="from")
    end = Timestamp(attribute="period_end", data_key="to")
    created_at = Timestamp()
    task_id = IdField("run", attribute="run_id")
    totals = fields.Nested(Figures)
    links = fields.Dict(keys=fields.String(), values=fields.String())


class Report(ListedReport):
    warehouses = fields.List(fields.Nested(WarehousePart))
    levels = fields.List(
        fields.Nested(ReportedLevel), metadata={"description": f"at most the first {LEVELS_SHOWN}; the CSV has all"}
    )
    levels_complete = fields.Boolean()


def period_of(body: dict[str, datetime]) -> tuple[datetime, datetime]:
    """The period that is asked for."""
    end = body.get("end") or datetime.now(UTC)
    return body.get("start") or end - PERIOD, end
