"""Views of inventory reports: creating one, listing them, and each as JSON, CSV and HTML."""

from datetime import datetime

from flask import Response, g, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

import durable
from api.http.auth import allowed
from api.http.etags import ETAG, etag
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.reports.blueprint import blueprint
from api.reports.csv import rows_of
from api.reports.page import POLICY, page_of_report
from api.reports.schemas import LEVELS_SHOWN, ListedReport, Period, Report, period_of
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted
from durable import queries
from durable.ids import new_id
from durable.tables import RunRecord
from models import reports
from models.core.database import transaction


@blueprint.route("/reports/inventory")
class InventoryReportsView(MethodView):
    @allowed("reports:read")
    @blueprint.arguments(Period, required=False)
    @may_wait(WaitResult(Report, "report", lambda session, run: _of_run(session, run)))
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: dict[str, datetime]) -> TaskAnswer:
        """Creates an inventory report: current stock levels, and movements in a period."""
        start, end = period_of(body)
        report_id = new_id("rep")
        wanted = {"report_id": report_id, "from": start.isoformat(), "to": end.isoformat()}
        run_id = durable.start(
            session, "inventory_report", key=f"request:{report_id}", input=wanted, owner=g.principal.user_id
        )
        return accept(queries.get_run(session, run_id))


@blueprint.route("/reports")
class ReportsView(MethodView):
    @allowed("reports:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(ListedReport))
    def get(self, query: PageArgs) -> Page:
        """Returns all reports, newest first."""
        with transaction() as session:
            found = page(session, reports.select_reports(), reports.Report.id.desc(), **query)
        found["data"] = [_summary(report) for report in found["data"]]
        return found


@blueprint.route('/reports/<id("rep"):report_id>')
class ReportView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, Report, headers=ETAG)
    def get(self, report_id: str) -> tuple[object, dict[str, str]]:
        """Returns a report: totals by warehouse and kind, movements by reason, low stock, and levels."""
        with transaction() as session:
            return _detail(session, report_id)


@blueprint.route('/reports/<id("rep"):report_id>.csv')
class ReportSheetView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, {"type": "string"}, content_type="text/csv")
    def get(self, report_id: str) -> Response:
        """Returns all levels of a report as CSV."""
        report = _found(report_id)
        headers = {"Content-Disposition": f'attachment; filename="inventory-{report.id}.csv"'}
        return Response(rows_of(report), headers=headers, content_type="text/csv; charset=utf-8; header=present")


@blueprint.route('/reports/<id("rep"):report_id>.html')
class ReportPageView(MethodView):
    @allowed("reports:read")
    @blueprint.response(200, {"type": "string"}, content_type="text/html", headers=ETAG)
    def get(self, report_id: str) -> Response:
        """Returns a report as a printable HTML page with charts."""
        report = _found(report_id)
        headers = {"Content-Security-Policy": POLICY, **etag(report.created_at, "html")}
        return Response(page_of_report(report), headers=headers, content_type="text/html; charset=utf-8")


def _of_run(session: Session, run: RunRecord) -> dict[str, object]:
    assert run.result
    return _detail(session, run.result["report_id"])[0]


def _detail(session: Session, report_id: str) -> tuple[dict[str, object], dict[str, str]]:
    """A report as JSON, with its ETag."""
    report = reports.get(session, report_id)
    lines = reports.lines_after(session, report_id, None, LEVELS_SHOWN + 1)
    levels = {"levels": lines[:LEVELS_SHOWN], "levels_complete": len(lines) <= LEVELS_SHOWN}
    return {**_summary(report), "warehouses": report.body["warehouses"], **levels}, etag(report.created_at)


def _found(report_id: str) -> reports.Report:
    with transaction() as session:
        return reports.get(session, report_id)


def _summary(report: reports.Report) -> dict[str, object]:
    same = ("id", "slot", "period_start", "period_end", "created_at", "run_id", "totals")
    found = {
        "self": url_for("reports.ReportView", report_id=report.id),
        "csv": url_for("reports.ReportSheetView", report_id=report.id),
        "html": url_for("reports.ReportPageView", report_id=report.id),
        "task": url_for("tasks.TaskView", run_id=report.run_id),
    }
    return {**{name: getattr(report, name) for name in same}, "links": found}
