"""Reports: the list, asking for one, one with its charts, and its files."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Response, g, request, send_file, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.reports.schemas import ReportQuery, StockReport, TrendReport
from models import catalogue, inventory, reports
from models.core.database import transaction
from models.core.errors import Invalid
from serving.reports import XLSX, request_report
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.progress import show_progress
from web.desk.report_words import ABOUT, period_of, shown, title_of, totals_of, words
from web.desk.sending import Outcome, load, send, text
from web.files import csv_file
from web.forms import is_id
from web.language import gettext
from web.pages import HEADERS

REPORT = '/reports/<id("rep"):report_id>'
CATEGORIES = 300
"""Names that the form suggests."""
HIDDEN = ("warehouse_id", "product_id", "id")
"""Columns of a report that the page leaves out."""


@desk.get("/reports")
@access.allowed("reports:read")
def reports_page() -> Response:
    """All reports, or those of a kind, newest first."""
    filters = read_filters(ReportQuery(), "kind")
    with transaction() as session:
        found = read_rows(session, filters, reports.select_reports, reports.Report.id.desc())
    return show(
        "reports.html", section="desk.reports_page", reports=found["data"], cursor=found["next_cursor"],
        filters=filters, kinds=reports.KINDS, period_of=period_of, title_of=title_of,
    )  # fmt: skip


@desk.get("/reports/new")
@access.allowed("reports:read")
def new_report() -> Response:
    """The form that asks for a report."""
    return _show_form(Outcome(values=dict(request.args)))


@desk.post("/reports/new")
@takes_form
@access.allowed("reports:read")
def ask_for_report() -> Response:
    """Starts a report, and leads to its progress."""

    def work(session: Session) -> str:
        kind = text("kind")
        if kind not in reports.KINDS:
            raise Invalid(gettext("Choose a kind of report."))
        run_id = request_report(session, kind, _asked(session, kind), g.principal.user_id)
        return url_for("desk.report_progress", run_id=run_id)

    return send(work, _show_form)


@desk.get('/reports/runs/<id("run"):run_id>')
@access.allowed("reports:read")
def report_progress(run_id: str) -> Response:
    """How far a report is; leads to it when it is written."""
    return show_progress(
        run_id, "inventory_report", "desk.reports_page", lambda about: title_of(about.get("kind", "levels")),
        lambda result: url_for("desk.report_page", report_id=result["report_id"]),
    )  # fmt: skip


@desk.get(REPORT)
@access.allowed("reports:read")
def report_page(report_id: str) -> Response:
    """A report: its figures, charts and groups, and its first lines."""
    with transaction() as session:
        report = reports.get_report(session, report_id)
        lines = reports.lines_after(session, report_id, None, reports.PAGE_LINES)
        limits = _limits(session, report.options)
    kind = reports.KINDS[report.kind]
    groups = [
        (group["name"], [shown(group[name], type_) for name, (type_, _) in kind.totals.items()])
        for group in report.body["groups"]
    ]
    columns = [column for column in kind.columns if column.name not in HIDDEN]
    return show(
        "report.html", section="desk.reports_page", report=report, kind=kind, columns=columns, lines=lines, shown=shown,
        groups=groups, totals=totals_of(kind, report.totals), figures=reports.figures_of(report, words()),
        limits=limits, period=period_of(report), title=title_of(report.kind), low=_low(report),
    )  # fmt: skip


@desk.get(f"{REPORT}.csv")
@access.allowed("reports:read")
def report_csv(report_id: str) -> Response:
    """All lines as CSV."""
    report = _found(report_id)
    return csv_file(reports.csv_rows(report), reports.file_name(report, "csv"))


@desk.get(f"{REPORT}.xlsx")
@access.allowed("reports:read")
def report_workbook(report_id: str) -> Response:
    """All lines as a workbook. Raises Conflict for a report that is too large for one."""
    report = _found(report_id)
    return send_file(
        reports.workbook(report), XLSX, as_attachment=True, download_name=reports.file_name(report, "xlsx")
    )


@desk.get(f"{REPORT}.html")
@access.allowed("reports:read")
def report_file(report_id: str) -> Response:
    """The report as a page that stands alone, to print, keep or send."""
    with transaction() as session:
        report = reports.get_report(session, report_id)
        lines = reports.lines_after(session, report_id, None, reports.PAGE_LINES)
    headers = {**HEADERS, "Content-Security-Policy": reports.POLICY}
    return Response(reports.page_of_report(report, lines), headers=headers, content_type="text/html; charset=utf-8")


def _asked(session: Session, kind: str) -> Any:
    """What the form asks for, as the API's schema reads it. Raises Invalid, and NotFound for what does not exist."""
    given = {"from": _moment(text("from"), 0), "to": _moment(text("to"), 1), "warehouse_id": text("warehouse_id")}
    if kind != "trends":
        return load(StockReport(), **given)
    product, category = text("product"), text("category")
    product_id = _product_of(session, product) if product else None
    category_id = _category_of(session, category) if category else None
    return load(TrendReport(), **given, interval=text("interval"), product_id=product_id, category_id=category_id)


def _moment(day: str, later: int) -> str | None:
    """The beginning of a day, `later` days later. Raises Invalid."""
    try:
        return f"{date.fromisoformat(day) + timedelta(days=later)}T00:00:00Z" if day else None
    except (ValueError, OverflowError):
        raise Invalid(gettext("A day cannot be read.")) from None


def _product_of(session: Session, name: str) -> str:
    if is_id("prd", name):
        return name
    found = catalogue.identify(session, skus=[name])
    if not found:
        raise Invalid(gettext("No product has this SKU."))
    return found[0].product_id


def _category_of(session: Session, name: str) -> str:
    same = func.lower(catalogue.Category.name) == func.lower(name)  # the database's, as in its index
    found = session.scalars(select(catalogue.Category.id).where(same)).one_or_none()
    if found is None:
        raise Invalid(gettext("No category has this name."))
    return found


def _limits(session: Session, options: dict[str, str]) -> list[str]:
    """What a report is limited to, in words."""
    found = []
    if warehouse_id := options.get("warehouse_id"):
        warehouse = session.get(inventory.Warehouse, warehouse_id)
        found.append(warehouse.name if warehouse else warehouse_id)
    if product_id := options.get("product_id"):
        product = session.get(catalogue.Product, product_id)
        found.append(f"{product.sku} {product.title}" if product else product_id)
    if category_id := options.get("category_id"):
        category = session.get(catalogue.Category, category_id)
        found.append(category.name if category else category_id)
    return [*found, *([gettext("by week")] if options.get("interval") == "week" else [])]


def _low(report: reports.Report) -> str:
    """The list of the levels at their reorder point, for who may see it."""
    if report.kind != "levels" or not access.may("stock:read"):
        return ""
    return url_for("desk.stock_page", low="true", warehouse_id=report.options.get("warehouse_id"))


def _found(report_id: str) -> reports.Report:
    with transaction() as session:
        return reports.get_report(session, report_id)


def _show_form(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        warehouses = session.scalars(inventory.select_warehouses().order_by(inventory.Warehouse.name)).all()
        known = catalogue.select_categories().order_by(catalogue.Category.name).limit(CATEGORIES)
        categories = [category.name for category in session.scalars(known)]
    return show(
        "new_report.html", status, section="desk.reports_page", warehouses=warehouses, categories=categories,
        kinds=reports.KINDS, about=ABOUT, title_of=title_of, outcome=outcome, today=datetime.now(UTC).date(),
    )  # fmt: skip
