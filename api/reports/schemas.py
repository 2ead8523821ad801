"""Request and response schemas of the report views."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, List, Schema, Timestamp
from api.http.pagination import PageQuery
from models import reports
from serving.fields import PLAUSIBLE

LINES_SHOWN = 1000
LONGEST = timedelta(days=1100)
"""Three years. The lines of a report are limited by its period."""


class ReportPeriod(Schema):
    start = Timestamp(
        data_key="from",
        validate=PLAUSIBLE,
        metadata={"description": "Defaults to a day before `to` for levels and valuation, 90 for dead stock, else 28"},
    )
    end = Timestamp(
        data_key="to", validate=PLAUSIBLE, metadata={"description": "Exclusive. Defaults to now; for trends, tomorrow"}
    )

    @validates_schema
    def _start_before_end(self, data: dict[str, Any], **_: object) -> None:
        end = data.get("end") or datetime.now(UTC)
        start = data.get("start")
        if start is not None and start >= end:
            raise ValidationError("must be before `to`", "from")
        if start is not None and end - start > LONGEST:
            raise ValidationError("the period has at most 1,100 days", "from")


class StockReport(ReportPeriod):
    warehouse_id = IdField("wh", metadata={"description": "By default all warehouses"})


class TrendReport(StockReport):
    interval = fields.String(
        validate=validate.OneOf(("day", "week")), metadata={"description": "Defaults to `day`. Weeks begin on Mondays"}
    )
    product_id = IdField("prd", metadata={"description": "Only this product"})
    category_id = IdField("cat", metadata={"description": "Only products of this category and those below it"})


class ReportQuery(PageQuery):
    kind = fields.String(validate=validate.OneOf(tuple(reports.KINDS)))


class ReportColumn(Schema):
    name = fields.String()
    type = fields.String(
        metadata={
            "description": "`text`, `date`, `integer`, `number`, `flag`; `money`: in minor units; `share`: of one"
        }
    )
    title = fields.String()


class ReportChart(Schema):
    title = fields.String()
    style = fields.String(validate=validate.OneOf(("bars", "lines")))
    type = fields.String()
    points = fields.List(
        fields.List(fields.Raw(allow_none=True)), metadata={"description": "[series or null, label, value]"}
    )


class ListedReport(Schema):
    id = IdField("rep")
    kind = fields.String(validate=validate.OneOf(tuple(reports.KINDS)))
    slot = fields.String(
        metadata={"description": "What the report was made for: the day of the schedule, a request, or subscribers"}
    )
    start = Timestamp(attribute="period_start", data_key="from")
    end = Timestamp(attribute="period_end", data_key="to")
    options = fields.Dict(keys=fields.String(), values=fields.String())
    created_at = Timestamp()
    task_id = IdField("run", attribute="run_id")
    totals = fields.Dict(
        keys=fields.String(),
        values=fields.Float(allow_none=True),
        metadata={"description": "By the kind's columns; money is in minor units"},
    )
    rows = fields.Integer(metadata={"description": "Lines of the report"})
    links = fields.Dict(keys=fields.String(), values=fields.String())


class Report(ListedReport):
    columns = fields.List(fields.Nested(ReportColumn))
    groups = fields.List(
        fields.Dict(), metadata={"description": "The totals by warehouse, reason, category or kind, largest first"}
    )
    charts = fields.List(fields.Nested(ReportChart))
    lines = fields.List(fields.Dict(), metadata={"description": f"At most the first {LINES_SHOWN}; the CSV has all"})
    lines_complete = fields.Boolean()


class ReportSubscription(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(tuple(reports.KINDS)))
    schedule = fields.String(required=True, validate=validate.OneOf(reports.SCHEDULES))


class ReportSubscriptions(Schema):
    data = List(
        fields.Nested(ReportSubscription),
        required=True,
        validate=validate.Length(max=len(reports.KINDS) * len(reports.SCHEDULES)),
    )


class ReportSubscriptionBody(TypedDict):
    kind: str
    schedule: str


class ReportSubscriptionsBody(TypedDict):
    data: list[ReportSubscriptionBody]
