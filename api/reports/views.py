"""Views of reports: creating one, listing them, and each as JSON, CSV, XLSX and HTML."""

from typing import cast

from flask import Response, g, send_file, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.etags import ETAG, etag
from api.http.fields import FILE
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.reports.blueprint import blueprint
from api.reports.schemas import (
    LINES_SHOWN,
    ListedReport,
    Report,
    ReportQuery,
    StockReport,
    TrendReport,
)
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted
from durable import queries
from durable.tables import RunRecord
from models import reports
from models.core.database import transaction
from serving.reports import XLSX, RequestedReport, request_report

ON_STOCK = [name for name in reports.KINDS if name != "trends"]
RESULT = WaitResult(Report, "report", lambda session, run: _of_run(session, run))


def of_each_kind(view: type[MethodView]) -> type[MethodView]:
    """Routes each kind of report on stock to the view. `/reports/<kind>` would be, to OpenAPI, the path of a report."""
    for kind in ON_STOCK:
        blueprint.route(f"/reports/{kind}", defaults={"kind": kind})(view)
    return view


@of_each_kind
class StockReportsView(MethodView):
    @allowed("reports:read")
    @error_codes("not_found")
    @blueprint.arguments(StockReport, required=False)
    @may_wait(RESULT)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: RequestedReport, kind: str) -> TaskAnswer:
        """Creates a report on stock: levels, valuation, movements, days of cover, dead stock or sell-through.

        Levels are current ones; movements and sales are those of the period.
        """
        return _start(session, kind, body)


@blueprint.route("/reports/inventory")
class InventoryReportsView(MethodView):
    @allowed("reports:read")
    @error_codes("not_found")
    @blueprint.arguments(StockReport, required=False)
    @may_wait(RESULT)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: RequestedReport) -> TaskAnswer:
        """Creates a report on stock levels, as `POST /v1/reports/levels` does."""
        return _start(session, "levels", body)


@blueprint.route("/reports/trends")
class TrendReportsView(MethodView):
    @allowed("reports:read")
    @error_codes("not_found")
    @blueprint.arguments(TrendReport, required=False)
    @may_wait(RESULT)
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: RequestedReport) -> TaskAnswer:
        """Creates a report on sales: units and revenue by category and product, per day or week (UTC)."""
        return _start(session, "trends", body)


def _start(session: Session, kind: str, body: RequestedReport) -> TaskAnswer:
    run_id = request_report(session, kind, body, g.principal.user_id)
    return accept(queries.get_run(session, run_id))


@blueprint.route("/reports")
class ReportsView(MethodView):
    @allowed("reports:read")
    @blueprint.arguments(ReportQuery, location="query")
    @blueprint.response(200, page_of(ListedReport))
    def get(self, query: dict[str, object]) -> Page:
        """Returns all reports, or those of a kind, newest first."""
        kind = cast(str | None, query.pop("kind", None))
        with transaction() as session:
            found = page(session, reports.select_reports(kind), reports.Report.id.desc(), **cast(PageArgs, query))
        found["data"] = [_summary(report) for report in found["data"]]
        return found


@blueprint.route('/reports/<id("rep"):report_id>')
class ReportView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, Report, headers=ETAG)
    def get(self, report_id: str) -> tuple[object, dict[str, str]]:
        """Returns a report: its totals, groups and charts, and its first lines."""
        with transaction() as session:
            return _detail(session, report_id)


@blueprint.route('/reports/<id("rep"):report_id>.csv')
class ReportSheetView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, FILE, content_type="text/csv")
    def get(self, report_id: str) -> Response:
        """Returns all lines of a report as CSV."""
        report = _found(report_id)
        headers = {"Content-Disposition": f'attachment; filename="{reports.file_name(report, "csv")}"'}
        rows = reports.csv_rows(report)
        return Response(rows, headers=headers, content_type="text/csv; charset=utf-8; header=present")


@blueprint.route('/reports/<id("rep"):report_id>.xlsx')
class ReportWorkbookView(MethodView):
    @allowed("reports:read")
    @error_codes("report_too_large")
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type=XLSX)
    def get(self, report_id: str) -> Response:
        """Returns all lines of a report as a workbook, for reports of at most 100,000 lines."""
        report = _found(report_id)
        book = reports.workbook(report)
        return send_file(book, XLSX, as_attachment=True, download_name=reports.file_name(report, "xlsx"))


@blueprint.route('/reports/<id("rep"):report_id>.html')
class ReportPageView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, {"type": "string"}, content_type="text/html", headers=ETAG)
    def get(self, report_id: str) -> Response:
        """Returns a report as a printable HTML page with charts and its first lines."""
        with transaction() as session:
            report = reports.get_report(session, report_id)
            lines = reports.lines_after(session, report_id, None, reports.PAGE_LINES)
        headers = {"Content-Security-Policy": reports.POLICY, **etag(report.created_at, "html")}
        shown = reports.page_of_report(report, lines)
        return Response(shown, headers=headers, content_type="text/html; charset=utf-8")


def _of_run(session: Session, run: RunRecord) -> dict[str, object]:
    assert run.result
    return _detail(session, run.result["report_id"])[0]


def _detail(session: Session, report_id: str) -> tuple[dict[str, object], dict[str, str]]:
    """A report as JSON, with its ETag."""
    report = reports.get_report(session, report_id)
    lines = reports.lines_after(session, report_id, None, LINES_SHOWN)
    shown = {"lines": [line.cells for line in lines], "lines_complete": report.rows <= LINES_SHOWN}
    columns = reports.KINDS[report.kind].columns
    return {**_summary(report), "columns": columns, **report.body, **shown}, etag(report.created_at)


def _found(report_id: str) -> reports.Report:
    with transaction() as session:
        return reports.get_report(session, report_id)


def _summary(report: reports.Report) -> dict[str, object]:
    same = (
        "id", "kind", "slot", "period_start", "period_end", "options", "created_at", "run_id", "totals", "rows",
    )  # fmt: skip
    views = {
        "self": "ReportView", "csv": "ReportSheetView", "xlsx": "ReportWorkbookView", "html": "ReportPageView",
    }  # fmt: skip
    links = {name: url_for(f"reports.{view}", report_id=report.id) for name, view in views.items()}
    links["task"] = url_for("tasks.TaskView", run_id=report.run_id)
    return {**{name: getattr(report, name) for name in same}, "links": links}
