"""The words of reports in the language of the page: their titles, and how figures are written."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent, get_currency_precision

from models.reports import KINDS, Kind, Report, Words
from models.reports.kinds import CellType
from settings import settings
from web.language import LOCALES, gettext, language, moment, money
from web.language import translatable as _

DASH = "\N{EN DASH}"
TITLES = (
    _("Added"), _("Available"), _("Average cost"), _("Came"), _("Category"), _("Day"), _("Days of cover"),
    _("Days of cover of the best-selling products"), _("Dead stock"), _("From"), _("Kind"), _("Last sold"),
    _("Low"), _("Movements"), _("Name"), _("On hand"), _("On hand before"),
    _("Products by days of cover"), _("Products with the highest revenue"),
    _("Products with the highest sell-through, in %"), _("Products with the highest value"), _("Reason"),
    _("Removed"), _("Reorder point"), _("Reserved"), _("Returned units"), _("Revenue"), _("Revenue by category"),
    _("SKU"), _("Sales trends"), _("Scope"), _("Sell-through"), _("Sell-through by kind, in %"), _("Sold"),
    _("Sold per day"), _("Stock levels"), _("Stock movements"), _("Stock valuation"), _("Title"), _("Units"),
    _("Units added by reason"), _("Units added per day"),
    _("Units available of products furthest below their reorder point"), _("Units by kind"),
    _("Units on hand by kind"), _("Units on hand by warehouse"), _("Units removed by reason"),
    _("Units removed per day"), _("Value"), _("Value by kind"), _("Value by warehouse"),
    _("Value of returned units"), _("Warehouse"),
)  # fmt: skip
"""The titles that the kinds of reports declare."""
TOTALS = {
    "low": _("At the reorder point"), "without_cost": _("Units without a cost"), "products": _("Products"),
    "under_7_days": _("Products for under 7 days"),
}  # fmt: skip
"""The totals that are no sums of a column."""
ABOUT = {
    "levels": _("Units in each warehouse, and what is at its reorder point."),
    "valuation": _("What the stock has cost, by warehouse and kind."),
    "movements": _("Units that were added and removed, by day and reason."),
    "trends": _("Units and revenue by day or week, category and product."),
    "cover": _("How long the stock lasts at the present sales."),
    "dead-stock": _("Products that nobody has bought in the period."),
    "sell-through": _("How much of what was there or came was sold."),
}
"""Kind → what it answers."""
SCHEDULES = {"daily": _("daily"), "weekly": _("weekly"), "monthly": _("monthly")}


def words() -> Words:
    """The language of the page."""
    spoken = gettext("%(title)s: %(count)d values, the highest is %(highest)s")
    return Words(gettext, shown, _tick, short_day, spoken)


def shown(value: Any, type_: CellType) -> str:
    """A figure of a report."""
    if value is None:
        return DASH
    if type_ == "money":
        return money(round(value), settings.currency)
    if type_ == "share":
        return str(format_percent(value, "#,##0.0 %", locale=_locale()))
    if type_ == "flag":
        return gettext("yes") if value else gettext("no")
    if type_ == "date":
        return str(format_date(date.fromisoformat(str(value)[:10]), "medium", locale=_locale()))
    return str(format_decimal(value, locale=_locale())) if isinstance(value, int | float) else str(value)


def totals_of(kind: Kind, totals: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The totals of a report: (name, title, value)."""
    titles = {column.name: column.title for column in kind.columns}
    return [
        (name, gettext(TOTALS.get(name) or titles[name]), shown(totals.get(name), type_))
        for name, (type_, _) in kind.totals.items()
    ]


def period_of(report: Report) -> str:
    """The period in words: days if it consists of whole ones."""
    start, end = report.period_start.astimezone(UTC), report.period_end.astimezone(UTC)
    if any(each.time() != datetime.min.time() for each in (start, end)):
        return f"{moment(start)} {DASH} {moment(end)}"
    first, last = (str(format_date(each, "medium", locale=_locale())) for each in (start, end - timedelta(days=1)))
    return first if first == last else f"{first} {DASH} {last}"


def title_of(kind: str) -> str:
    """The title of a kind of reports."""
    return gettext(KINDS[kind].title) if kind in KINDS else kind


def _tick(value: float, type_: CellType) -> str:
    if type_ == "money":
        value = value / 10 ** get_currency_precision(settings.currency)
    return str(format_decimal(value, locale=_locale()))


def short_day(day: date) -> str:
    """A day as an axis names it: 3 Dec."""
    return str(format_date(day, "d. MMM" if language() == "de" else "d MMM", locale=_locale()))


def _locale() -> str:
    return LOCALES[language()]
