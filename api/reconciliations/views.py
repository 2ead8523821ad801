"""Views of reconciliations: starting one, listing them, and each as JSON, CSV and HTML."""

from datetime import UTC, date, datetime

from flask import Response, g, url_for
from flask.views import MethodView
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.fields import FILE
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.reconciliations.blueprint import blueprint
from api.reconciliations.csv import rows_of
from api.reconciliations.page import POLICY, render
from api.reconciliations.schemas import DIFFERENCES_SHOWN, ListedReconciliation, Reconciliation, ReconciliationRequest
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from api.tasks.schemas import Accepted
from durable import queries
from durable.tables import RunRecord
from models import payments
from models.core.database import transaction
from models.operations import reconciling


@blueprint.route("/reconciliations")
class ReconciliationsView(MethodView):
    @allowed("payments:read")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(ListedReconciliation))
    def get(self, query: PageArgs) -> Page:
        """Returns all reconciliations, newest first."""
        with transaction() as session:
            found = page(session, select(payments.Reconciliation), payments.Reconciliation.id.desc(), **query)
        found["data"] = [_summary(made) for made in found["data"]]
        return found

    @allowed("payments:capture")
    @blueprint.arguments(ReconciliationRequest, required=False)
    @may_wait(WaitResult(Reconciliation, "reconciliation", lambda session, run: _of_run(session, run)))
    @idempotent()
    @blueprint.response(202, Accepted, headers=LOCATION)
    def post(self, session: Session, body: dict[str, date]) -> TaskAnswer:
        """Compares the payments of the period that ends with a day with what the payment providers have.

        Voids forgotten authorisations: those of cancelled or unknown orders. While the day's reconciliation is in
        progress, its task is returned.
        """
        day = body.get("day") or datetime.now(UTC).date()
        run_id = reconciling.start(session, day, g.principal.user_id)
        return accept(queries.get_run(session, run_id))


@blueprint.route('/reconciliations/<id("rec"):reconciliation_id>')
class ReconciliationView(MethodView):
    @allowed("payments:read")
    @blueprint.response(200, Reconciliation)
    def get(self, reconciliation_id: str) -> dict[str, object]:
        """Returns a reconciliation with its differences."""
        with transaction() as session:
            return _detail(session, reconciliation_id)


@blueprint.route('/reconciliations/<id("rec"):reconciliation_id>.csv')
class ReconciliationSheetView(MethodView):
    @allowed("payments:read")
    @blueprint.response(200, FILE, content_type="text/csv")
    def get(self, reconciliation_id: str) -> Response:
        """Returns all differences of a reconciliation as CSV."""
        with transaction() as session:
            made = payments.get_reconciliation(session, reconciliation_id)
        headers = {"Content-Disposition": f'attachment; filename="reconciliation-{made.day}-{made.id}.csv"'}
        return Response(rows_of(made.id), headers=headers, content_type="text/csv; charset=utf-8; header=present")


@blueprint.route('/reconciliations/<id("rec"):reconciliation_id>.html')
class ReconciliationPageView(MethodView):
    @allowed("payments:read")
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    def get(self, reconciliation_id: str) -> Response:
        """Returns a reconciliation as a printable HTML page."""
        with transaction() as session:
            made = payments.get_reconciliation(session, reconciliation_id)
            shown = payments.differences_after(session, made.id, None, DIFFERENCES_SHOWN)
        page = render(made, shown)
        return Response(page, headers={"Content-Security-Policy": POLICY}, content_type="text/html; charset=utf-8")


def _of_run(session: Session, run: RunRecord) -> dict[str, object]:
    assert run.result
    return _detail(session, run.result["reconciliation_id"])


def _detail(session: Session, reconciliation_id: str) -> dict[str, object]:
    made = payments.get_reconciliation(session, reconciliation_id)
    found = payments.differences_after(session, reconciliation_id, None, DIFFERENCES_SHOWN + 1)
    shown = [_difference(one) for one in found[:DIFFERENCES_SHOWN]]
    return {**_summary(made), "differences": shown, "differences_complete": len(found) <= DIFFERENCES_SHOWN}


def _difference(one: payments.Difference) -> dict[str, object]:
    same = ("kind", "gateway", "order_id", "payment_id", "reference", "repaired")
    amounts = {"ours": (one.ours, one.ours_currency), "theirs": (one.theirs, one.theirs_currency)}
    return {
        **{name: getattr(one, name) for name in same},
        **{
            name: None if amount is None else {"amount": amount, "currency": currency}
            for name, (amount, currency) in amounts.items()
        },
    }


def _summary(made: payments.Reconciliation) -> dict[str, object]:
    same = ("id", "day", "period_start", "period_end", "status", "counts", "created_at", "run_id")
    links = {
        name: url_for(f"reconciliations.{view}", reconciliation_id=made.id)
        for name, view in (
            ("self", "ReconciliationView"), ("csv", "ReconciliationSheetView"), ("html", "ReconciliationPageView"),
        )
    }  # fmt: skip
    task = url_for("tasks.TaskView", run_id=made.run_id)
    return {**{name: getattr(made, name) for name in same}, "links": {**links, "task": task}}
