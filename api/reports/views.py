"""Views of reports: asking for one, the list of them, and each as JSON, CSV and a page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response, g, url_for
from flask.views import MethodView
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

import durable
from api.http.auth import allowed
from api.http.etags import ETAG, etag
from api.http.fields import IdField, Schema, Timestamp
from api.http.idempotency import idempotent
from api.http.pagination import PageQuery, page, page_of
from api.http.prefer_wait import Ending, may_wait
from api.reports.blueprint import blueprint
from api.reports.csv import rows_of
from api.reports.page import POLICY, page_of_report
from api.tasks.views import Accepted, links
from durable import queries
from durable.ids import new_id
from durable.tables import RunRecord
from models import reports
from models.core.database import transaction

LOCATION = {"Location": {"schema": {"type": "string"}}}
LEVELS_SHOWN = 1000
PERIOD = timedelta(hours=24)
SENSIBLE = validate.Range(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


class Period(Schema):
    start = Timestamp(data_key="from", validate=SENSIBLE, metadata={"description": "left out: 24 hours before the end"})
    end = Timestamp(data_key="to", validate=SENSIBLE, metadata={"description": "left out: now"})

    @validates_schema
    def _forwards(self, data: dict[str, Any], **_: Any) -> None:
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


@blueprint.route("/reports/inventory")
class InventoryReportsView(MethodView):
    @allowed("reports:read")
    @blueprint.arguments(Period, required=False)
    @may_wait(Ending(Report, "report", lambda session, run: _of_run(session, run)))
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: dict[str, Any]) -> Any:
        """Asks for a report on the inventory: levels as they are now, and what moved in a period."""
        start, end = period_of(body)
        report_id = new_id("rep")
        wanted = {"report_id": report_id, "from": start.isoformat(), "to": end.isoformat()}
        run_id = durable.start(
            session, "inventory_report", key=f"request:{report_id}", input=wanted, owner=g.principal.user_id
        )
        about = links(queries.get_run(session, run_id))
        answer = {"task_id": run_id, "status": "running", "links": about}
        return answer, 202, {"Location": about["task"], "Retry-After": "1"}


@blueprint.route("/reports")
class ReportsView(MethodView):
    @allowed("reports:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(ListedReport))
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """All reports, newest first."""
        with transaction() as session:
            found = page(session, reports.reports(), reports.Report.id.desc(), **query)
        found["data"] = [_listed(report) for report in found["data"]]
        return found


@blueprint.route('/reports/<id("rep"):report_id>')
class ReportView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, Report, headers=ETAG)
    def get(self, report_id: str) -> Any:
        """A report: sums by warehouse and kind, what moved and why, what is low, and the levels."""
        with transaction() as session:
            return _whole(session, report_id)


@blueprint.route('/reports/<id("rep"):report_id>.csv')
class ReportSheetView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, {"type": "string"}, content_type="text/csv")
    def get(self, report_id: str) -> Any:
        """A report's levels for a spreadsheet, all of them."""
        report = _found(report_id)
        headers = {"Content-Disposition": f'attachment; filename="inventory-{report.id}.csv"'}
        return Response(rows_of(report), headers=headers, content_type="text/csv; charset=utf-8; header=present")


@blueprint.route('/reports/<id("rep"):report_id>.html')
class ReportPageView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, {"type": "string"}, content_type="text/html", headers=ETAG)
    def get(self, report_id: str) -> Any:
        """A report to look at and to print, with charts."""
        report = _found(report_id)
        headers = {"Content-Security-Policy": POLICY, **etag(report.created_at, "html")}
        return Response(page_of_report(report), headers=headers, content_type="text/html; charset=utf-8")


def period_of(body: dict[str, Any]) -> tuple[datetime, datetime]:
    """The period that is asked for."""
    end = body.get("end") or datetime.now(UTC)
    return body.get("start") or end - PERIOD, end


def _of_run(session: Session, run: RunRecord) -> dict[str, Any]:
    assert run.result
    shown: dict[str, Any] = _whole(session, run.result["report_id"])[0]
    return shown


def _whole(session: Session, report_id: str) -> Any:
    """A report as JSON shows it, with its ETag."""
    report = reports.get(session, report_id)
    lines = reports.lines_after(session, report_id, None, LEVELS_SHOWN + 1)
    levels = {"levels": lines[:LEVELS_SHOWN], "levels_complete": len(lines) <= LEVELS_SHOWN}
    return {**_listed(report), "warehouses": report.body["warehouses"], **levels}, etag(report.created_at)


def _found(report_id: str) -> reports.Report:
    with transaction() as session:
        return reports.get(session, report_id)


def _listed(report: reports.Report) -> dict[str, Any]:
    same = ("id", "slot", "period_start", "period_end", "created_at", "run_id", "totals")
    found = {
        "self": url_for("reports.ReportView", report_id=report.id),
        "csv": url_for("reports.ReportSheetView", report_id=report.id),
        "html": url_for("reports.ReportPageView", report_id=report.id),
        "task": url_for("tasks.TaskView", run_id=report.run_id),
    }
    return {**{name: getattr(report, name) for name in same}, "links": found}
