"""Reconciliation: the comparisons of our payments with the providers', starting one, and the differences of one."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, g, url_for
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.reconciliations.csv import rows_of
from api.reconciliations.schemas import ReconciliationRequest
from models import payments
from models.core.database import transaction
from models.operations import reconciling
from serving.pages import PageQuery, page
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters
from web.desk.pages import show
from web.desk.progress import show_progress
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.files import csv_file
from web.language import day as day_in_words
from web.language import gettext
from web.language import translatable as _

RECONCILIATION = '/reconciliations/<id("rec"):reconciliation_id>'
KINDS = {
    "paid_without_order": _("paid without an order"), "order_without_payment": _("order without a payment"),
    "amount_differs": _("amount differs"), "refund_differs": _("refund differs"), "double_payment": _("paid twice"),
    "forgotten_authorisation": _("forgotten authorisation"), "lapsed_authorisation": _("lapsed authorisation"),
}  # fmt: skip
"""Kind of difference → its name."""


class DifferenceQuery(PageQuery):
    kind = fields.String(validate=validate.OneOf(payments.DIFFERENCES))
    open = fields.Boolean()


@desk.get("/reconciliations")
@access.allowed("payments:read")
def reconciliations_page() -> Response:
    """All reconciliations, newest first."""
    return _show_list(read_outcome())


@desk.post("/reconciliations")
@takes_form
@access.allowed("payments:capture")
def reconcile() -> Response:
    """Starts the reconciliation of a day, or leads to the one in progress."""

    def work(session: Session) -> str:
        body: Any = load(ReconciliationRequest(), date=text("date"))
        run_id = reconciling.start(session, body.get("day") or datetime.now(UTC).date(), g.principal.user_id)
        return url_for("desk.reconciliation_progress", run_id=run_id)

    return send(work, _show_list)


@desk.get('/reconciliations/runs/<id("run"):run_id>')
@access.allowed("payments:read")
def reconciliation_progress(run_id: str) -> Response:
    """How far a reconciliation is; leads to it when it is complete."""
    return show_progress(
        run_id, "reconciliation", "desk.reconciliations_page", lambda _input: gettext("Reconciliation"),
        lambda result: url_for("desk.reconciliation_page", reconciliation_id=result["reconciliation_id"]),
    )  # fmt: skip


@desk.get("/reconciliations/newest")
@access.allowed("payments:read")
def newest_reconciliation() -> Response:
    """The newest reconciliation; the list if there is none."""
    with transaction() as session:
        newest = session.scalars(payments.select_newest_reconciliation()).one_or_none()
    return _show_list(Outcome()) if newest is None else _show_one(newest)


@desk.get(RECONCILIATION)
@access.allowed("payments:read")
def reconciliation_page(reconciliation_id: str) -> Response:
    """A reconciliation with its differences."""
    return _show_one(reconciliation_id)


@desk.get(f"{RECONCILIATION}.csv")
@access.allowed("payments:read")
def reconciliation_csv(reconciliation_id: str) -> Response:
    """All differences as CSV."""
    with transaction() as session:
        made = payments.get_reconciliation(session, reconciliation_id)
    return csv_file(rows_of(made.id), f"reconciliation-{made.day}-{made.id}.csv")


def _show_list(outcome: Outcome, status: int = 200) -> Response:
    filters = read_filters(PageQuery())
    found: Any = {"data": [], "next_cursor": None}
    if filters.values is not None:
        with transaction() as session:
            newest = payments.Reconciliation.id.desc()
            found = page(session, select(payments.Reconciliation), newest, **filters.place)
    return show(
        "reconciliations.html", status, section="desk.reconciliations_page", made=found["data"], filters=filters,
        cursor=found["next_cursor"], outcome=outcome, today=datetime.now(UTC).date(),
    )  # fmt: skip


def _show_one(reconciliation_id: str) -> Response:
    filters = read_filters(DifferenceQuery(), "kind", "open")
    found: Any = {"data": [], "next_cursor": None}
    with transaction() as session:
        made = payments.get_reconciliation(session, reconciliation_id)
        if filters.values is not None:
            chosen = payments.select_differences(made.id, filters.values.get("kind"), filters.values.get("open"))
            sort = payments.Difference.kind.asc(), payments.Difference.subject.asc()
            found = page(session, chosen, *sort, **filters.place)
    return show(
        "reconciliation.html", section="desk.reconciliations_page", made=made, differences=found["data"],
        cursor=found["next_cursor"], filters=filters, kinds=KINDS, title=day_in_words(made.day),
        here=url_for("desk.reconciliation_page", reconciliation_id=made.id),
    )  # fmt: skip
