"""Disputes: which need a response, until when, and what is known of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from babel.dates import format_timedelta
from flask import Response, url_for
from marshmallow import fields, validate

from models import payments
from models.core.database import transaction
from serving.pages import PageQuery, page
from web import access
from web.blueprint import desk
from web.desk.filters import read_filters
from web.desk.names import numbers_of
from web.desk.pages import show
from web.language import LOCALES, gettext, language
from web.language import translatable as _

NAMES = {
    "needs_response": _("Needs a response"), "open": _("Open"), "won": _("Won"), "lost": _("Lost"), "all": _("All"),
}  # fmt: skip
"""View → its name; the first one is shown at first."""
REASONS = {
    "canceled_recurring_billing": _("cancelled subscription"), "credit_not_processed": _("credit not received"),
    "duplicate": _("charged twice"), "duplicate_transaction": _("charged twice"), "fraudulent": _("fraudulent"),
    "general": _("no reason given"), "incorrect_amount": _("wrong amount"),
    "merchandise_or_service_not_as_described": _("not as described"),
    "merchandise_or_service_not_received": _("not received"), "payment_by_other_means": _("paid in another way"),
    "product_not_received": _("not received"), "product_unacceptable": _("not as described"),
    "subscription_canceled": _("cancelled subscription"), "unauthorised": _("not authorised"),
    "unrecognized": _("not recognised"),
}  # fmt: skip
"""A provider's word for what the customer says, in lower case → ours."""


class DisputeQuery(PageQuery):
    view = fields.String(validate=validate.OneOf(tuple(NAMES)), load_default="needs_response")


@desk.get("/disputes")
@access.allowed("payments:read")
def disputes_page() -> Response:
    """The disputes that need a response, newest first; or the open, won, lost or all ones."""
    filters = read_filters(DisputeQuery(), "view")
    found: Any = {"data": [], "next_cursor": None}
    view = filters.values["view"] if filters.values else ""
    with transaction() as session:
        if filters.values is not None:
            chosen = payments.select_disputes(None if view == "all" else view)
            found = page(session, chosen, payments.Transaction.id.desc(), **filters.place)
        ids = [payment.order_id for _dispute, payment in found["data"]]
        numbers = numbers_of(session, ids)
    views = [(name, url_for("desk.disputes_page", view=each), each == view) for each, name in NAMES.items()]
    return show(
        "disputes.html", section="desk.disputes_page", disputes=found["data"], cursor=found["next_cursor"],
        filters=filters, views=views, numbers=numbers, reason_of=reason_of, time_left=time_left, now=datetime.now(UTC),
        open_dispute=payments.OPEN_DISPUTE,
    )  # fmt: skip


def reason_of(dispute: payments.Transaction | dict[str, Any]) -> str:
    """What the customer says is wrong; the provider's word if there is none of ours."""
    error = dispute["error"] if isinstance(dispute, dict) else dispute.error
    given = str((error or {}).get("detail") or "general")
    known = REASONS.get(given.lower())
    return gettext(known) if known else given.replace("_", " ").lower()


def time_left(until: datetime) -> str:
    """How long from now: in 9 days, 5 hours ago."""
    left = until - datetime.now(UTC)
    unit: Any = "day" if abs(left) >= timedelta(days=2) else "hour"
    words = format_timedelta(left, granularity=unit, threshold=100, add_direction=True, locale=LOCALES[language()])
    return str(words)
