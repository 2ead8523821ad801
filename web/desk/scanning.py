"""Scanning: a scanner types a SKU or barcode and Enter, and the product counts once more.

Of a purchase order or transfer, what was scanned is noted until it is booked as received; of a stock count, it is what
was counted. Each scan is a form that leads back to its page; with JavaScript (`static/scan.js`), the page stays, so
that nothing is lost that is scanned meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import Response, g, request, url_for
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import inventory
from models.core.database import transaction
from models.core.errors import Invalid
from models.inventory import CountLine
from serving.fields import Schema
from web import access
from web.blueprint import desk, takes_form
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text, whole
from web.forms import is_id
from web.language import gettext

FOLDERS = {"po": "purchase-orders", "tfr": "transfers", "cnt": "stock-counts"}
MOST = 100_000
"""Units of one scan."""
SHOWN = 20
"""Products of a stock count that were counted last."""


class Code(Schema):
    code = fields.String(required=True, validate=validate.Length(1, 64))
    units = fields.Integer(load_default=1, strict=True, validate=validate.Range(-MOST, MOST))


class Row(NamedTuple):
    """A product. `most`: how many units are expected; None: that is not shown."""

    product_id: str
    sku: str
    title: str
    scanned: int
    most: int | None


@dataclass(frozen=True)
class Place:
    """What is scanned for: its name, its page in the section, and the state of its lines."""

    name: str
    section: str
    rows: Sequence[Row]
    is_open: bool
    hint: str = ""
    booking: str = ""
    """What booking does; empty: nothing is booked here."""


@desk.get('/purchase-orders/<id("po"):owner_id>/scan')
@desk.get('/transfers/<id("tfr"):owner_id>/scan')
@desk.get('/stock-counts/<id("cnt"):owner_id>/scan')
@access.allowed("stock:write")
def scan_page(owner_id: str) -> Response:
    """The field to scan into, what was scanned last, and what is still missing."""
    return _show(owner_id, read_outcome())


@desk.post('/purchase-orders/<id("po"):owner_id>/scan')
@desk.post('/transfers/<id("tfr"):owner_id>/scan')
@desk.post('/stock-counts/<id("cnt"):owner_id>/scan')
@takes_form
@access.allowed("stock:write")
def scan(owner_id: str) -> Response:
    """Counts the product with a SKU or barcode once more, or as often as `units` says; negative takes back."""

    def work(session: Session) -> str:
        units = text("units")
        body: Any = load(Code(), code=text("code"), units=whole(units) if units else None)
        if body["units"] == 0:
            raise Invalid(gettext("The number of units must not be 0."))
        line = _count(session, owner_id, body["code"], body["units"])
        return f"{_path(owner_id)}/scan?product={line.product_id}&units={body['units']}"

    return send(work, lambda outcome, status: _show(owner_id, outcome, status))


@desk.post('/purchase-orders/<id("po"):owner_id>/scan/book')
@desk.post('/transfers/<id("tfr"):owner_id>/scan/book')
@takes_form
@access.allowed("stock:write")
def book_scanned(owner_id: str) -> Response:
    """Books what was scanned as received."""

    def work(session: Session) -> str:
        if owner_id.startswith("po_"):
            order = inventory.book_scanned_delivery(session, owner_id, g.principal.user_id)
            return url_for("desk.purchase_order_page", order_id=owner_id, done="delivery", task=order.run_id)
        made = inventory.book_scanned_transfer(session, owner_id, g.principal.user_id)
        return url_for("desk.transfer_page", transfer_id=owner_id, done="transfer_received", task=made.run_id)

    return send(work, lambda outcome, status: _show(owner_id, outcome, status))


@desk.post('/purchase-orders/<id("po"):owner_id>/scan/discard')
@desk.post('/transfers/<id("tfr"):owner_id>/scan/discard')
@takes_form
@access.allowed("stock:write")
def discard_scanned(owner_id: str) -> Response:
    """Forgets what was scanned and not booked."""

    def work(session: Session) -> str:
        inventory.discard_scanned(session, owner_id)
        return f"{_path(owner_id)}/scan?done=discarded"

    return send(work, lambda outcome, status: _show(owner_id, outcome, status))


def _path(owner_id: str) -> str:
    return f"/desk/{FOLDERS[owner_id.partition('_')[0]]}/{owner_id}"


def _count(session: Session, owner_id: str, code: str, units: int) -> Any:
    """The line in which the units were counted."""
    if owner_id.startswith("po_"):
        return inventory.scan_delivery(session, owner_id, code, units)
    if owner_id.startswith("tfr_"):
        return inventory.scan_transfer(session, owner_id, code, units)
    return inventory.scan_counted(session, owner_id, code, units, g.principal.user_id)


def _show(owner_id: str, outcome: Outcome, status: int = 200) -> Response:
    last, units = request.args.get("product", ""), request.args.get("units", "")
    with transaction() as session:
        place = READERS[owner_id.partition("_")[0]](session, owner_id, last if is_id("prd", last) else "")
    rows = [row for row in place.rows if row.product_id == last]
    return show(
        "scan.html", status, section=place.section, place=place, path=_path(owner_id), outcome=outcome,
        last=None if outcome.refusal or not rows else rows[0], taken_back=units.startswith("-"),
        scanned=sum(row.scanned for row in place.rows),
    )  # fmt: skip


def _of_purchase_order(session: Session, owner_id: str, _last: str) -> Place:
    order = inventory.get_purchase_order(session, owner_id)
    lines = inventory.get_purchase_lines(session, [owner_id])[owner_id]
    rows = [Row(one.product_id, one.sku, one.title, one.scanned, one.quantity - one.delivered) for one in lines
            if one.quantity > one.delivered or one.scanned]  # fmt: skip
    name = gettext("Purchase order %(number)s") % {"number": order.number}
    return Place(name, "desk.purchase_orders_page", rows, order.status in inventory.OPEN,
                 gettext("The rest can come later."), gettext("Book what was scanned"))  # fmt: skip


def _of_transfer(session: Session, owner_id: str, _last: str) -> Place:
    made = inventory.get_transfer(session, owner_id)
    lines = inventory.get_transfer_lines(session, [owner_id])[owner_id]
    names = (inventory.get_warehouse(session, one).name for one in (made.source_id, made.target_id))
    rows = [Row(one.product_id, one.sku, one.title, one.scanned, one.quantity) for one in lines]
    is_open = made.status == "in_transit" and not made.received_at and not made.cancelled_at
    return Place(" → ".join(names), "desk.transfers_page", rows, is_open,
                 gettext("What was not scanned is written off: a transfer is received once."),
                 gettext("Book what was scanned"))  # fmt: skip


def _of_count(session: Session, owner_id: str, last: str) -> Place:
    """What was counted last. What is on hand is not shown: it would lead those who count."""
    count = inventory.get_count(session, owner_id)
    counted = select(CountLine).where(CountLine.stock_count_id == owner_id, CountLine.counted.is_not(None))
    lines = list(session.scalars(counted.order_by(CountLine.counted_at.desc(), CountLine.product_id).limit(SHOWN)))
    if last and last not in [line.product_id for line in lines]:
        lines += session.scalars(counted.where(CountLine.product_id == last))
    rows = [Row(one.product_id, one.sku, one.title, one.counted or 0, None) for one in lines]
    name = gettext("Stock count: %(warehouse)s") % {"warehouse": session.get_one(
        inventory.Warehouse, count.warehouse_id).name}  # fmt: skip
    return Place(
        name,
        "desk.stock_counts_page",
        rows,
        count.status == "open",
        gettext("Each scan is counted at once. Submit the count on its page when everything is counted."),
    )


READERS: dict[str, Callable[[Session, str, str], Place]] = {
    "po": _of_purchase_order, "tfr": _of_transfer, "cnt": _of_count,
}  # fmt: skip
