"""The first page: what needs attention now, and how the last days went."""

import threading
import time
from typing import Any, NamedTuple

from flask import Response, url_for

from models.core.database import transaction
from models.operations import attention
from models.operations.attention import Day
from settings import settings
from web import access
from web.blueprint import desk
from web.desk.pages import bars, may, require_staff, show
from web.language import day, money, ngettext
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
    Card("payments_disputed", "payments:read", _("Disputed payments"), "desk.payments_page", {"status": "disputed"},
         True),
    Card("runs_stuck", "runs:read", _("Stuck runs"), "", {}, True),
)  # fmt: skip

_kept: tuple[float, list[Day]] = (0.0, [])
_reading = threading.Lock()


@desk.get("/")
@access.signed_in
def today() -> Response:
    """What needs attention. Staff see the figures that their permissions allow."""
    require_staff()
    visible = [card for card in CARDS if may(card.permission)]
    with transaction() as session:
        counts = attention.count(session, [card.name for card in visible])
    cards = [(card, counts[card.name], _address(card)) for card in visible]
    days = _days() if may("orders:read") else []
    return show("today.html", cards=cards, charts=_charts(days))


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


def _charts(days: list[Day]) -> dict[str, object]:
    counted = [(day(one.day), ngettext("%(num)d order", "%(num)d orders", one.orders) % {"num": one.orders},
                one.orders) for one in days]  # fmt: skip
    sold = [(day(one.day), money(one.amount, settings.currency), one.amount) for one in days]
    return {
        "orders": bars(counted), "revenue": bars(sold), "count": sum(one.orders for one in days),
        "sum": money(sum(one.amount for one in days), settings.currency),
    }  # fmt: skip
