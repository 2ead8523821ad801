"""The documents of an order as PDF files: its invoice, its credit notes, and the labels of its returns."""

from flask import Response, g

from models import orders, returns
from models.core.database import transaction
from models.core.errors import NotFound
from serving.labels import read_label
from web import access
from web.blueprint import shop

ORDER = '/orders/<id("ord"):order_id>'


@shop.get(f"{ORDER}/invoice.pdf")
@access.signed_in
def invoice(order_id: str) -> Response:
    """The invoice of an order."""
    with transaction() as session:
        orders.get_visible_order(session, order_id, g.principal)
        document = orders.describe_invoice(session, order_id)
    return _file(orders.file_name(document), orders.pdf_of_document(document))


@shop.get(f'{ORDER}/credit-notes/<id("crn"):credit_note_id>.pdf')
@access.signed_in
def credit_note(order_id: str, credit_note_id: str) -> Response:
    """A credit note of an order."""
    with transaction() as session:
        orders.get_visible_order(session, order_id, g.principal)
        note = orders.get_credit_note(session, order_id, credit_note_id)
        document = orders.describe_credit_note(session, note)
    return _file(orders.file_name(document), orders.pdf_of_document(document))


@shop.get(f'{ORDER}/returns/<id("ret"):return_id>/label.pdf')
@access.signed_in
def return_label(order_id: str, return_id: str) -> Response:
    """The label for the way back. 404 without one, 503 if the carrier does not answer."""
    with transaction() as session:
        orders.get_visible_order(session, order_id, g.principal)
        made = returns.get_return(session, return_id)
    if made.order_id != order_id:
        raise NotFound("There is no such return.")
    return _file(f"label-{made.tracking_number}.pdf", read_label(made))


def _file(name: str, content: bytes) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, content_type="application/pdf")
