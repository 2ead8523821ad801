"""Stock counts: the list, starting one, and deciding about it. `count_page.py` has its page, and the entering."""

from collections.abc import Callable
from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.inventory.count_csv import rows_of
from api.inventory.count_schemas import CancellationOfCount, NewStockCount, RefusalOfCount, StockCountQuery
from models import catalogue, inventory
from models.core.database import transaction
from settings import settings
from web import access
from web.blueprint import desk, takes_form
from web.desk import stock_words
from web.desk.count_page import COUNT, SECTION, address_of, show_count
from web.desk.filters import read_filters, read_rows
from web.desk.lines import products_of, read_draft
from web.desk.names import usernames_of
from web.desk.pages import show
from web.desk.sending import Outcome, load, send, text
from web.desk.stock import list_warehouses
from web.files import csv_file
from web.language import translatable as _

VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (_("All"), {}), (_("Being counted"), {"status": "open"}), (_("To approve"), {"status": "submitted"}),
)  # fmt: skip
CATEGORIES = 1000
"""Categories to choose from."""
SCOPES = (
    ("warehouse", _("The whole warehouse")), ("category", _("A category, with those below it")),
    ("products", _("The products below")),
)  # fmt: skip


@desk.get("/stock-counts")
@access.allowed("stock:read")
def stock_counts_page() -> Response:
    """The list of stock counts, newest first."""
    filters = read_filters(StockCountQuery(), "status", "warehouse_id")
    with transaction() as session:
        found = read_rows(session, filters, inventory.select_counts, inventory.StockCount.id.desc())
        names = usernames_of(session, {count.opened_by for count in found["data"]})
        warehouses = list_warehouses(session)
    views = [(name, url_for("desk.stock_counts_page", **one), one == filters.shown) for name, one in VIEWS]
    return show(
        "stock_counts.html", section=SECTION, counts=found["data"], cursor=found["next_cursor"], filters=filters,
        names=names, warehouses=warehouses, views=views, scopes=stock_words.SCOPES,
        statuses=inventory.STOCK_COUNT_STATUS.statuses,
    )  # fmt: skip


@desk.get("/stock-counts/new")
@access.allowed("stock:write")
def new_stock_count() -> Response:
    """The form to start a count."""
    return _show_new(Outcome())


@desk.post("/stock-counts/new/lines")
@takes_form
@access.allowed("stock:write")
def edit_counted_products() -> Response:
    """The form to start a count with one product more or less, or with what a search has found. Stores nothing."""
    return _show_new(Outcome())


@desk.post("/stock-counts/new")
@takes_form
@access.allowed("stock:write")
def start_count() -> Response:
    """Starts a stock count of a whole warehouse, of a category or of some products."""

    def work(session: Session) -> str:
        scope = text("scope")
        chosen: dict[str, object] = {"category_id": text("category_id")} if scope == "category" else {}
        if scope == "products":
            chosen = {"product_ids": products_of()}
        body: Any = load(NewStockCount(), warehouse_id=text("warehouse_id"), **chosen)
        made = inventory.open_count(
            session, body.get("warehouse_id"), product_ids=body.get("product_ids"),
            category_id=body.get("category_id"), actor=g.principal.user_id,
        )  # fmt: skip
        return address_of(made, "count_opened")

    return send(work, _show_new)


@desk.get(f"{COUNT}.csv")
@access.allowed("stock:read")
def count_differences(count_id: str) -> Response:
    """The differences of a stock count as CSV."""
    with transaction() as session:
        inventory.get_count(session, count_id)
    return csv_file(rows_of(count_id, "differing"), f"stock-count-{count_id}.csv")


@desk.post(f"{COUNT}/submit")
@takes_form
@access.allowed("stock:write")
def submit_count(count_id: str) -> Response:
    """Ends the counting."""
    return _decide(count_id, "count_submitted",
                   lambda session: inventory.submit_count(session, count_id, g.principal.user_id))  # fmt: skip


@desk.post(f"{COUNT}/approve")
@takes_form
@access.allowed("stock:approve")
def approve_count(count_id: str) -> Response:
    """Approves a count: its task books the differences."""
    return _decide(count_id, "count_approved",
                   lambda session: inventory.approve_count(session, count_id, g.principal.user_id))  # fmt: skip


@desk.post(f"{COUNT}/refuse")
@takes_form
@access.allowed("stock:approve")
def refuse_count(count_id: str) -> Response:
    """Refuses a submitted count: nothing is booked."""

    def work(session: Session) -> inventory.StockCount:
        body: Any = load(RefusalOfCount(), reason=text("reason"))
        return inventory.refuse_count(session, count_id, g.principal.user_id, body["reason"])

    return _decide(count_id, "count_refused", work)


@desk.post(f"{COUNT}/cancel")
@takes_form
@access.allowed("stock:write")
def cancel_count(count_id: str) -> Response:
    """Cancels a count that was not approved: nothing is booked."""

    def work(session: Session) -> inventory.StockCount:
        body: Any = load(CancellationOfCount(), reason=text("reason"))
        return inventory.cancel_count(session, count_id, g.principal.user_id, body.get("reason"))

    return _decide(count_id, "count_cancelled", work)


def _decide(count_id: str, done: str, work: Callable[[Session], inventory.StockCount]) -> Response:
    return send(lambda session: address_of(work(session), done),
                lambda outcome, status: show_count(count_id, outcome, status))  # fmt: skip


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        draft, warehouses = read_draft(session), list_warehouses(session)
        chosen = request.values.get("warehouse_id") or inventory.get_default_warehouse(session).id
        categories = {
            one.id: one.name
            for one in session.scalars(
                catalogue.select_categories().order_by(catalogue.Category.name).limit(CATEGORIES)
            )
        }
    scope = request.values.get("scope") or ("products" if draft.lines else "warehouse")
    return show(
        "stock_count_new.html", status, section=SECTION, draft=draft, warehouses=warehouses, chosen=chosen,
        categories=categories, category=request.values.get("category_id", ""), scope=scope, scopes=SCOPES,
        outcome=outcome, days=settings.count_days,
    )  # fmt: skip
