"""What the pages of the console share: how they are rendered, and how durations, ages and statuses are written."""

from datetime import UTC, datetime, timedelta
from typing import Any

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from flask import Response, g, render_template, request

from settings import settings
from web import access
from web.blueprint import ops
from web.language import LOCALES, gettext, language
from web.language import translatable as _
from web.ops.masking import mask_sentence
from web.pages import HEADERS

DASH = "\N{EN DASH}"
STATUSES = {
    "running": _("running"), "waiting": _("waiting"), "compensating": _("compensating"),
    "succeeded": _("succeeded"), "cancelled": _("cancelled"), "failed": _("failed"), "stuck": _("stuck"),
    "intent": _("under way"), "done": _("done"), "refused": _("refused"), "pending": _("still to come"),
    "undone": _("undone"), "skipped": _("not needed"), "retry": _("waits for a retry"),
    "unfinished": _("not finished"),
}  # fmt: skip
"""Statuses of runs and steps → words. The colour never stands alone."""
KINDS = {
    "succeeded": "good", "done": "good", "running": "now", "intent": "now", "waiting": "wait", "retry": "wait",
    "compensating": "wait", "cancelled": "back", "undone": "back", "failed": "bad", "refused": "bad", "stuck": "bad",
}  # fmt: skip
"""Status → the name of its colour in ops.css."""


def show(template: str, status: int = 200, **values: Any) -> Response:
    """A page of the console, or a part of one."""
    html = render_template(f"ops/{template}", principal=g.principal, canonical="", **values)
    return Response(html, status, HEADERS, content_type="text/html; charset=utf-8")


def wants_part(name: str) -> bool:
    """Whether htmx asks for this part of the page alone."""
    return request.args.get("part") == name


def flower() -> str:
    """The address of Flower, on the machine that serves this page."""
    return f"http://{request.host.rpartition(':')[0] or request.host}:{settings.flower_port}/"


@ops.app_template_filter("status_name")
def status_name(status: str) -> str:
    """The word for a status; a status without one is shown as it is."""
    return gettext(STATUSES[status]) if status in STATUSES else status


@ops.app_template_filter("status_kind")
def status_kind(status: str) -> str:
    """The name of the colour of a status."""
    return KINDS.get(status, "none")


@ops.app_template_filter("duration")
def duration(seconds: float | timedelta | None) -> str:
    """A duration: 12 ms, 3.4 s, 5 min, 2 hr. None is a dash."""
    if seconds is None:
        return DASH
    taken = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if taken < 1:
        return f"{round(max(taken, 0) * 1000)} ms"
    if taken < 60:
        return f"{number(round(taken, 1))} s"
    return str(format_timedelta(timedelta(seconds=taken), threshold=1.5, format="short", locale=LOCALES[language()]))


@ops.app_template_filter("number")
def number(value: float | None) -> str:
    """A number with the separators of the language. None is a dash."""
    return DASH if value is None else str(format_decimal(value, locale=LOCALES[language()]))


@ops.app_template_filter("discreet")
def discreet(text: str) -> str:
    """A sentence of an error or of a log; without addresses and phone numbers for who may not see people's data."""
    return text if access.may("users:read") else mask_sentence(text)


@ops.app_template_filter("instant")
def instant(at: datetime | None) -> str:
    """A time in UTC to the millisecond, as logs have it: 2026-11-30 13:05:07.123. None is a dash."""
    return DASH if at is None else str(format_datetime(at.astimezone(UTC), "yyyy-MM-dd HH:mm:ss.SSS", locale="en"))


@ops.app_template_filter("second")
def second(at: datetime | None) -> str:
    """A time in UTC to the second. None is a dash."""
    return DASH if at is None else str(format_datetime(at.astimezone(UTC), "yyyy-MM-dd HH:mm:ss", locale="en"))


ops.app_context_processor(lambda: {"may": access.may, "flower": flower})
