"""Request and response schemas of the report views."""

from datetime import UTC, datetime, timedelta

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, Schema, Timestamp

LEVELS_SHOWN = 1000


PERIOD = timedelta(hours=24)


PLAUSIBLE = validate.Range(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


class Period(Schema):
    start = Timestamp(data_key="from", validate=PLAUSIBLE, metadata={"description": "Defaults to 24 hours before `to`"})
    end = Timestamp(data_key="to", validate=PLAUSIBLE, metadata={"description": "Defaults to now"})

    @validates_schema
    def _start_before_end(self, data: dict[str, datetime], **_: object) -> None:
        start, end = period_of(data)
        if start >= end:
            raise ValidationError("must be before `to`", "from")


class Figures(Schema):
    on_hand = fields.Integer()
    reserved = fields.Integer()
    available = fields.Integer()
    came = fields.Integer(metadata={"description": "Units added in the period"})
    went = fields.Integer(metadata={"description": "Units removed in the period"})
    low = fields.Integer(metadata={"description": "Products at or below their reorder point"})


class MovementSummary(Schema):
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
    movements = fields.List(
        fields.Nested(MovementSummary), metadata={"description": "Movements grouped by reason, most frequent first"}
    )
    low = fields.List(
        fields.Nested(LowLevel), metadata={"description": "Levels at or below their reorder point, most urgent first"}
    )


class ReportedLevel(LowLevel):
    warehouse_id = IdField("wh")
    kind = fields.String()
    reorder_point = fields.Integer(allow_none=True)
    came = fields.Integer()
    went = fields.Integer()
    low = fields.Boolean()


class ListedReport(Schema):
    id = IdField("rep")
    slot = fields.String(
        metadata={"description": "What the report was made for: the day of the schedule, or a request"}
    )
    start = Timestamp(attribute="period_start", data_key="from")
    end = Timestamp(attribute="period_end", data_key="to")
    created_at = Timestamp()
    task_id = IdField("run", attribute="run_id")
    totals = fields.Nested(Figures)
    links = fields.Dict(keys=fields.String(), values=fields.String())


class Report(ListedReport):
    warehouses = fields.List(fields.Nested(WarehousePart))
    levels = fields.List(
        fields.Nested(ReportedLevel),
        metadata={"description": f"At most the first {LEVELS_SHOWN}; the CSV file contains all"},
    )
    levels_complete = fields.Boolean()


def period_of(body: dict[str, datetime]) -> tuple[datetime, datetime]:
    """Start and end of the requested period, with defaults."""
    end = body.get("end") or datetime.now(UTC)
    return body.get("start") or end - PERIOD, end
