"""More of what staff do with an order: its status, its invoice, where its goods come from, and labels to print."""

from typing import Any

from flask import Response, g
from sqlalchemy.orm import Session

from api.fulfilment.allocation import NewAllocation
from api.orders.schemas import InvoiceEdit
from models import fulfilment, orders, returns
from models.core.database import transaction
from models.core.errors import Invalid
from serving.labels import file_name, read_label
from web import access
from web.blueprint import desk, takes_form
from web.desk.lines import by_product
from web.desk.order_actions import ORDER, PARCEL, act
from web.desk.sending import load, pieces, text
from web.files import pdf_file
from web.language import gettext

RETURN = '/returns/<id("ret"):return_id>'
BY_HAND = {"processing": "packing", "delivered": "all_delivered"}
"""Status that a form sets → the sentence that says so. Shipping and cancelling have forms of their own."""


@desk.post(f"{ORDER}/status")
@takes_form
@access.allowed("orders:write")
def change_status(order_id: str) -> Response:
    """Marks an order as being packed, or records the delivery of all its parcels."""
    status = text("status")

    def work(session: Session) -> None:
        if status not in BY_HAND:
            raise Invalid(gettext("Choose what the order is to become."))
        fulfilment.edit(session, order_id, actor=g.principal.user_id, status=status)

    return act(order_id, BY_HAND.get(status, ""), work)


@desk.post(f"{ORDER}/invoice")
@takes_form
@access.allowed("orders:write")
def change_invoice(order_id: str) -> Response:
    """Records that the invoice is paid, or makes it void."""

    def work(session: Session) -> None:
        body: Any = load(InvoiceEdit(), status=text("status"))
        orders.change_invoice_status(session, order_id, body["status"])

    return act(order_id, f"invoice_{text('status')}", work)


@desk.post(f"{ORDER}/allocation")
@takes_form
@access.allowed("orders:write")
def move_allocation(order_id: str) -> Response:
    """Takes pieces that are in no parcel from another warehouse: those that are filled in, or all."""

    def work(session: Session) -> None:
        body: Any = load(NewAllocation(), warehouse_id=text("warehouse_id"), lines=pieces())
        lines = by_product(body["lines"]) if "lines" in body else None
        fulfilment.move_allocation(session, order_id, body["warehouse_id"], lines)

    return act(order_id, "moved_allocation", work)


@desk.get(f"{PARCEL}/label.pdf")
@access.allowed("orders:write")
def parcel_label(parcel_id: str) -> Response:
    """The label of a parcel as a PDF file, from the carrier."""
    with transaction() as session:
        parcel = fulfilment.get_parcel(session, parcel_id)
    return _file(parcel)


@desk.get(f"{RETURN}/label.pdf")
@access.allowed("orders:write")
def return_label(return_id: str) -> Response:
    """The label of a return as a PDF file, from the carrier."""
    with transaction() as session:
        made = returns.get_return(session, return_id)
    return _file(made)


def _file(row: fulfilment.HasLabel) -> Response:
    return pdf_file(read_label(row), file_name(row), is_shown=True)
