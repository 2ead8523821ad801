"""The first page: what needs attention now, and how the last days went."""

import threading
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import Response, url_for

from design.charts import Chart, Point, draw
from models.core.database import transaction
from models.operations import attention
from models.operations.attention import Day
from models.reports.kinds import CellType
from settings import settings
from web import access
from web.blueprint import desk
from web.desk.pages import require_staff, show
from web.desk.report_words import short_day, words
from web.language import gettext, money, ngettext
from web.language import translatable as _

DAYS = 14
KEPT = 30.0  # seconds for which a process shows the same days


class Card(NamedTuple):
    """A figure of the page, and where its list is."""

    name: str
    permission: str
    label: str
    endpoint: str
    filters: dict[str, str]
    is_urgent: bool = False


CARDS = (
    Card("orders_to_ship", "orders:read", _("Orders to ship"), "desk.orders_page", {"status": "confirmed"}),
    Card("orders_in_work", "orders:read", _("Orders being packed"), "desk.orders_page", {"status": "processing"}),
    Card("returns_to_decide", "orders:read", _("Returns to decide"), "desk.returns_page", {"status": "requested"}),
    Card("returns_to_receive", "orders:read", _("Returns to receive"), "desk.returns_page", {"status": "under_way"}),
    Card("low_stock", "stock:read", _("Levels at the reorder point"), "desk.stock_alerts_page", {}),
    Card("payments_failed", "payments:read", _("Payments failed in a week"), "desk.payments_page", {"status": "failed"},
         True),
    Card("disputes", "payments:read", _("Disputes to respond to"), "desk.disputes_page", {"view": "needs_response"},
         True),
    Card("differences", "payments:read", _("Differences to the providers"), "desk.newest_reconciliation",
         {"open": "true"}, True),
    Card("imports_refused", "products:write", _("Imports with refused rows in a week"), "desk.imports_page",
         {"refused": "true"}),
    Card("runs_stuck", "runs:read", _("Stuck runs"), "", {}, True),
)  # fmt: skip

_kept: tuple[float, list[Day]] = (0.0, [])
_reading = threading.Lock()


@desk.get("/")
@access.signed_in
def today() -> Response:
    """What needs attention. Staff see the figures that their permissions allow."""
    require_staff()
    visible = [card for card in CARDS if access.may(card.permission)]
    with transaction() as session:
        counts = attention.count(session, [card.name for card in visible])
    cards = [(card, counts[card.name], _address(card)) for card in visible]
    days = _days() if access.may("orders:read") else []
    return show("today.html", cards=cards, charts=_charts(days), now=datetime.now(UTC))


def _address(card: Card) -> str:
    """Where the list of a figure is; stuck runs are in the console."""
    if not card.endpoint:
        return "/ops/runs?stuck=true"
    filters: dict[str, Any] = dict(card.filters)
    if card.name == "payments_failed":
        filters["from"] = attention.failed_since().isoformat()
    return url_for(card.endpoint, **filters)


def _days() -> list[Day]:
    global _kept
    with _reading:
        since, days = _kept
        if not days or time.monotonic() - since > KEPT:
            with transaction() as session:
                days = attention.list_days(session, DAYS)
            _kept = (time.monotonic(), days)
        return days


class Drawn(NamedTuple):
    """A chart of the page: its title, its sum, its points and its drawings."""

    title: str
    sum: str
    points: list[Point]
    drawn: list[str]


def _charts(days: list[Day]) -> list[Drawn]:
    if not days:
        return []
    counted = [Point(None, short_day(one.day), one.orders, _orders(one.orders)) for one in days]
    sold = [Point(None, short_day(one.day), one.amount, money(one.amount, settings.currency)) for one in days]
    count = sum(one.orders for one in days)
    return [
        _drawn(gettext("Orders in two weeks"), str(words().value(count, "integer")), counted, "integer"),
        _drawn(
            gettext("Revenue in two weeks"), money(sum(one.amount for one in days), settings.currency), sold, "money"
        ),
    ]


def _drawn(title: str, total: str, points: list[Point], type_: CellType) -> Drawn:
    language = words()
    highest = max(points, key=lambda point: point.value).words
    spoken = language.spoken % {"title": title, "count": len(points), "highest": highest}
    chart = Chart("columns", spoken, points, lambda value: language.tick(value, type_))
    return Drawn(title, total, points, draw(chart))


def _orders(number: int) -> str:
    return ngettext("%(num)d order", "%(num)d orders", number) % {"num": number}
