"""The page of a stock count: its lines, and entering what was counted."""

from functools import partial
from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.inventory.count_csv import value_of
from api.inventory.count_schemas import CountedLines, CountLineQuery
from models import inventory
from models.core.database import transaction
from models.core.errors import Invalid
from settings import settings
from web import access
from web.blueprint import desk, takes_form
from web.desk import stock_words
from web.desk.filters import read_filters, read_rows
from web.desk.names import usernames_of
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text, whole
from web.forms import is_id
from web.language import gettext
from web.language import translatable as _

COUNT = '/stock-counts/<id("cnt"):count_id>'
SECTION = "desk.stock_counts_page"
UNDECIDED = ("open", "submitted")
STATES = (("", _("All")), ("counted", _("Counted")), ("uncounted", _("Not counted")), ("differing", _("Differing")),
          ("short", _("Short")))  # fmt: skip


@desk.get(COUNT)
@access.allowed("stock:read")
def stock_count_page(count_id: str) -> Response:
    """The page of a stock count: its sums and its lines, by SKU. What is on hand is shown once it is counted."""
    return show_count(count_id, read_outcome())


@desk.post(f"{COUNT}/lines")
@takes_form
@access.allowed("stock:write")
def enter_counted(count_id: str) -> Response:
    """Enters what was counted: `counted-<product>` of several lines, or `code` and `counted` of one product."""

    def work(session: Session) -> str:
        body: Any = load(CountedLines(), lines=_one(session) if text("code") else _filled_in())
        inventory.enter_lines(session, count_id, body["lines"], g.principal.user_id)
        return url_for("desk.stock_count_page", count_id=count_id, done="counted", state=request.args.get("state"),
                       cursor=request.args.get("cursor"))  # fmt: skip

    return send(work, lambda outcome, status: show_count(count_id, outcome, status))


def address_of(count: inventory.StockCount, done: str) -> str:
    """The page of a count, with what was done."""
    return url_for("desk.stock_count_page", count_id=count.id, done=done, task=count.run_id)


def show_count(count_id: str, outcome: Outcome, status: int = 200) -> Response:
    """The page of a count, with what an action did or why it was refused."""
    filters = read_filters(CountLineQuery(), "state")
    chosen = partial(inventory.select_count_lines, count_id)
    with transaction() as session:
        count = inventory.get_count(session, count_id)
        found = read_rows(session, filters, chosen, inventory.CountLine.sku.asc(), inventory.CountLine.product_id.asc())
        lines = [(line, value_of(line)) for line in found["data"]]
        totals = inventory.get_totals_of(session, count.id)
        warehouse = inventory.get_warehouse(session, count.warehouse_id).name
        people = {count.opened_by, count.submitted_by, count.decided_by, *(line.counted_by for line in found["data"])}
        names = usernames_of(session, people)
        expires_at = inventory.expires_at(session, count) if count.status in UNDECIDED else None
    return show(
        "stock_count.html", status, section=SECTION, count=count, lines=lines, cursor=found["next_cursor"],
        filters=filters, totals=totals, warehouse=warehouse, names=names, expires_at=expires_at, outcome=outcome,
        states=STATES, scopes=stock_words.SCOPES, currency=settings.currency, limit=settings.count_approval_value,
    )  # fmt: skip


def _one(session: Session) -> list[dict[str, object]]:
    found = inventory.identify_code(session, text("code")[:64])
    return [{"product_id": found.product_id, "counted": whole(text("counted"))}]


def _filled_in() -> list[dict[str, object]]:
    """Only lines that are filled in: those that were counted before and are left empty stay as they are."""
    prefix = "counted-"
    given = {
        name.removeprefix(prefix): value.strip() for name, value in request.form.items() if name.startswith(prefix)
    }
    lines: list[dict[str, object]] = [
        {"product_id": one, "counted": whole(value)} for one, value in given.items() if value and is_id("prd", one)
    ]
    if not lines:
        raise Invalid(gettext("Fill in what was counted."))
    return lines
