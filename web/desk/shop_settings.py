"""Every setting of the shop, to look at: its value, its unit and where it comes from."""

from itertools import groupby
from typing import Any

from flask import Response

from serving.configuration import Entry, entries
from web import access
from web.blueprint import desk
from web.desk.pages import asked, show
from web.language import translatable as _

GROUPS = {
    "Limits": _("Limits: the most that the shop accepts at a time"), "Retention": _("How long records are kept"),
    "Trade": _("Orders, payments, returns, stock counts and carts"),
    "Providers": _("Payment providers, carriers and receivers of webhooks"), "Messages": _("Messages and the seller"),
    "SignIn": _("How users sign in"), "Servers": _("Data folder, processes and servers"),
}  # fmt: skip
SOURCES = {"environment": _("environment"), "stack": _("chosen by shop up"), "default": _("default")}
UNITS = {
    "seconds": _("seconds"), "minutes": _("minutes"), "hours": _("hours"), "days": _("days"), "KiB": _("KiB"),
    "pixels": _("pixels"), "grams": _("grams"), "minor units": _("minor units"), "bytes": _("bytes"),
}  # fmt: skip


@desk.get("/settings")
@access.allowed("runs:write")
def settings_page() -> Response:
    """All settings by subject. Secrets are shown as set or not set."""
    filters = asked("q", "source")
    found = [one for one in entries() if _matches(one, filters)]
    order = list(GROUPS)
    found.sort(key=lambda one: order.index(one.group))
    grouped: list[tuple[str, list[Any]]] = [
        (GROUPS[group], list(held)) for group, held in groupby(found, key=lambda one: one.group)
    ]
    return show("settings.html", section="desk.settings_page", groups=grouped, filters=filters, sources=SOURCES,
                units=UNITS)  # fmt: skip


def _matches(one: Entry, filters: dict[str, str]) -> bool:
    words = filters.get("q", "").lower()
    is_found = words in one.name.lower() or words in one.description.lower()
    return is_found and filters.get("source", one.source) == one.source
