"""A report as an HTML page: charts and tables, without scripts or external resources."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from babel.numbers import format_currency, get_currency_precision
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from design import BASE, policy_for, read_styles
from models.reports.charts import Words, figures_of
from models.reports.kinds import CellType, Kind
from models.reports.tables import Line, Report
from models.reports.writing import KINDS
from settings import settings

PAGE_LINES = 100
"""Lines on the page."""
TEMPLATES = Path(__file__).parent / "templates"
ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
)
STYLE = read_styles(*BASE, "charts.css")
POLICY = policy_for(STYLE)
"""The page's Content-Security-Policy: only its own inline style."""
_HIDDEN = ("warehouse_id", "product_id", "id")


def page_of_report(report: Report, lines: Sequence[Line]) -> str:
    """Renders the page with these lines. All values are escaped."""
    kind = KINDS[report.kind]
    columns = [column for column in kind.columns if column.name not in _HIDDEN]
    groups = [
        [group["name"] or "none", *(_shown(group[name], type_) for name, (type_, _) in kind.totals.items())]
        for group in report.body["groups"]
    ]
    return ENVIRONMENT.get_template("report.html").render(
        style=STYLE, kind=kind, columns=columns, rows=report.rows, groups=groups, charts=figures_of(report, WORDS),
        seller=settings.seller_name,
        start=_minute(report.period_start), end=_minute(report.period_end), written=_minute(report.created_at),
        options=[f"{name.replace('_', ' ')} {value}" for name, value in sorted(report.options.items())],
        totals=totals_of(kind, report.totals),
        lines=[[(column, _shown(line.cells.get(column.name), column.type)) for column in columns] for line in lines],
    )  # fmt: skip


def totals_of(kind: Kind, totals: dict[str, Any]) -> list[tuple[str, str]]:
    """The totals of a report in words: (name, value)."""
    return [(name.replace("_", " "), _shown(totals.get(name), type_)) for name, (type_, _) in kind.totals.items()]


def _shown(value: Any, type_: CellType) -> str:
    if value is None:
        return "–"  # noqa: RUF001
    if type_ == "money":
        amount = value / 10 ** get_currency_precision(settings.currency)
        return str(format_currency(amount, settings.currency, locale="en_GB"))
    if type_ == "share":
        return f"{value:.1%}"
    if type_ == "flag":
        return "yes" if value else "no"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def _tick(value: float, type_: CellType) -> str:
    if type_ == "money":
        value = value / 10 ** get_currency_precision(settings.currency)
    return f"{value:,.10g}" if abs(value) < 1000 else f"{value:,.0f}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


WORDS = Words(str, _shown, _tick, _day, "%(title)s: %(count)d values, the highest is %(highest)s")
"""The page is in English."""


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
