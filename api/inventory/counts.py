"""Views of stock counts: opening one, entering what was counted, and deciding about the differences."""

from typing import Any

from flask import Response, g, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.fields import FILE
from api.http.idempotency import idempotent
from api.http.pagination import Page, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.inventory.blueprint import blueprint
from api.inventory.count_csv import rows_of, value_of
from api.inventory.count_schemas import (
    SHOWN_LINES,
    AcceptedCount,
    CancellationOfCount,
    CountedLines,
    CountedLinesBody,
    CountLineQuery,
    EnteredLines,
    ListedStockCount,
    NewStockCount,
    NewStockCountBody,
    RefusalOfCount,
    StockCount,
    StockCountLine,
    StockCountQuery,
)
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from durable import queries
from durable.tables import RunRecord
from models import inventory
from models.core.database import transaction
from settings import settings

UNDECIDED = ("open", "submitted")


def _of_run(session: Session, run: RunRecord) -> object:
    return _detail(session, inventory.get_count(session, run.input["stock_count_id"]))


BOOKED = WaitResult(StockCount, "stock_count", _of_run, status=200)
DECIDED = WaitResult(StockCount, "stock_count", _of_run, status=200, reports_refusal=False)


@blueprint.route("/stock-counts")
class StockCountsView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(StockCountQuery, location="query")
    @blueprint.response(200, page_of(ListedStockCount))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns stock counts, newest first."""
        chosen = {name: query.pop(name) for name in ("status", "warehouse_id") if name in query}
        with transaction() as session:
            found = page(session, inventory.select_counts(**chosen), inventory.StockCount.id.desc(), **query)
        found["data"] = [_summary(count) for count in found["data"]]
        return found

    @allowed("stock:write")
    @error_codes("not_found", "count_too_large", "ambiguous_barcode", "not_in_count")
    @blueprint.arguments(NewStockCount)
    @idempotent()
    @blueprint.response(201, StockCount, headers=LOCATION)
    def post(self, session: Session, body: NewStockCountBody) -> tuple[object, int, dict[str, str]]:
        """Opens a stock count: of the given products, of a category, or of a whole warehouse.

        Its task waits until the count is approved, and then books the differences.
        """
        count = inventory.open_with_lines(
            session, body.get("warehouse_id"), body.get("lines", []), product_ids=body.get("product_ids"),
            category_id=body.get("category_id"), actor=g.principal.user_id,
        )  # fmt: skip
        shown = _detail(session, count)
        return shown, 201, {"Location": url_for("inventory.StockCountView", stock_count_id=count.id)}


@blueprint.route('/stock-counts/<id("cnt"):stock_count_id>')
class StockCountView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, StockCount)
    def get(self, stock_count_id: str) -> dict[str, object]:
        """Returns a stock count with its sums and its first lines."""
        with transaction() as session:
            return _detail(session, inventory.get_count(session, stock_count_id))


@blueprint.route('/stock-counts/<id("cnt"):stock_count_id>.csv')
class StockCountSheetView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, FILE, content_type="text/csv")
    def get(self, stock_count_id: str) -> Response:
        """Returns the differences of a stock count as CSV."""
        with transaction() as session:
            count = inventory.get_count(session, stock_count_id)
        headers = {"Content-Disposition": f'attachment; filename="stock-count-{count.id}.csv"'}
        kind = "text/csv; charset=utf-8; header=present"
        return Response(rows_of(count.id, "differing"), headers=headers, content_type=kind)


@blueprint.route('/stock-counts/<id("cnt"):stock_count_id>/lines')
class StockCountLinesView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(CountLineQuery, location="query")
    @blueprint.response(200, page_of(StockCountLine))
    def get(self, query: dict[str, Any], stock_count_id: str) -> Page:
        """Returns the lines of a stock count, by SKU: all, or those that are counted, uncounted, differing or short."""
        state = query.pop("state", None)
        keys = inventory.CountLine.sku.asc(), inventory.CountLine.product_id.asc()
        with transaction() as session:
            count = inventory.get_count(session, stock_count_id)
            found = page(session, inventory.select_count_lines(count.id, state), *keys, **query)
        found["data"] = [_line(line) for line in found["data"]]
        return found

    @allowed("stock:write")
    @error_codes("not_found", "wrong_state", "count_expired", "ambiguous_barcode", "not_in_count")
    @blueprint.arguments(CountedLines)
    @idempotent(required=True)
    @blueprint.response(200, EnteredLines)
    def post(self, session: Session, body: CountedLinesBody, stock_count_id: str) -> dict[str, object]:
        """Enters what was counted, by product, SKU or barcode. The units on hand are noted at this moment.

        With a new key, a product is counted again, and the later number counts.
        """
        entered = inventory.enter_lines(session, stock_count_id, body["lines"], g.principal.user_id)
        return {"lines": [_line(line) for line in entered]}


@blueprint.route('/stock-counts/<id("cnt"):stock_count_id>/submit')
class SubmitStockCountView(MethodView):
    @allowed("stock:write")
    @error_codes("wrong_state", "nothing_counted", "count_expired")
    @idempotent()
    @blueprint.response(200, StockCount)
    def post(self, session: Session, stock_count_id: str) -> dict[str, object]:
        """Ends the counting. Products that were not counted stay as they are."""
        return _detail(session, inventory.submit_count(session, stock_count_id, g.principal.user_id))


@blueprint.route('/stock-counts/<id("cnt"):stock_count_id>/approve')
class ApproveStockCountView(MethodView):
    @allowed("stock:approve")
    @error_codes("wrong_state", "nothing_counted", "count_expired", "other_approver_required")
    @may_wait(BOOKED)
    @idempotent()
    @blueprint.response(202, AcceptedCount, headers=LOCATION)
    def post(self, session: Session, stock_count_id: str) -> TaskAnswer:
        """Approves a stock count: its task books the differences. An open count is submitted at the same time."""
        return _accepted(session, inventory.approve_count(session, stock_count_id, g.principal.user_id))


@blueprint.route('/stock-counts/<id("cnt"):stock_count_id>/refuse')
class RefuseStockCountView(MethodView):
    @allowed("stock:approve")
    @error_codes("wrong_state")
    @blueprint.arguments(RefusalOfCount)
    @may_wait(DECIDED)
    @idempotent()
    @blueprint.response(202, AcceptedCount, headers=LOCATION)
    def post(
        self, session: Session, body: dict[str, str], stock_count_id: str
    ) -> TaskAnswer:  # fmt: skip
        """Refuses a submitted stock count: nothing is booked."""
        count = inventory.refuse_count(session, stock_count_id, g.principal.user_id, body["reason"])
        return _accepted(session, count)


@blueprint.route('/stock-counts/<id("cnt"):stock_count_id>/cancel')
class CancelStockCountView(MethodView):
    @allowed("stock:write")
    @error_codes("wrong_state")
    @blueprint.arguments(CancellationOfCount, required=False)
    @may_wait(DECIDED)
    @idempotent()
    @blueprint.response(202, AcceptedCount, headers=LOCATION)
    def post(
        self, session: Session, body: dict[str, str], stock_count_id: str
    ) -> TaskAnswer:  # fmt: skip
        """Cancels a stock count that was not approved: nothing is booked."""
        count = inventory.cancel_count(session, stock_count_id, g.principal.user_id, body.get("reason"))
        return _accepted(session, count)


def _accepted(session: Session, count: inventory.StockCount) -> TaskAnswer:
    run = queries.get_run(session, count.run_id)
    return accept(run, status=run.status, stock_count_id=count.id)


def _summary(count: inventory.StockCount) -> dict[str, object]:
    links = {
        name: url_for(f"inventory.{view}", stock_count_id=count.id)
        for name, view in (
            ("self", "StockCountView"), ("csv", "StockCountSheetView"), ("lines", "StockCountLinesView"),
        )
    }  # fmt: skip
    task = url_for("tasks.TaskView", run_id=count.run_id)
    names = ("run_id" if name == "task_id" else name for name in ListedStockCount._declared_fields if name != "links")
    return {**{name: getattr(count, name) for name in names}, "links": {**links, "task": task}}


def _detail(session: Session, count: inventory.StockCount) -> dict[str, object]:
    lines = inventory.lines_after(session, count.id, None, None, SHOWN_LINES + 1)
    return {
        **_summary(count),
        "expires_at": inventory.expires_at(session, count) if count.status in UNDECIDED else None,
        "currency": settings.currency,
        "totals": inventory.get_totals_of(session, count.id)._asdict(),
        "lines": [_line(line) for line in lines[:SHOWN_LINES]],
        "lines_complete": len(lines) <= SHOWN_LINES,
    }


def _line(line: inventory.CountLine) -> dict[str, object]:
    names = (name for name in StockCountLine._declared_fields if name != "value")
    return {**{name: getattr(line, name) for name in names}, "value": value_of(line)}
