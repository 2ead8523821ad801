"""The documents of an order as PDF files: its invoice, its credit notes, and the labels of its returns."""

from flask import Response, g

from models import orders, returns
from models.core.database import transaction
from serving.labels import file_name, read_label
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


@shop.get('/returns/<id("ret"):return_id>/label')
@access.signed_in
def return_label(return_id: str) -> Response:
    """The label for the way back, which mails link. 404 without one, 503 if the carrier does not answer."""
    with transaction() as session:
        made = returns.get_visible_return(session, return_id, g.principal)
    return _file(file_name(made), read_label(made))


def _file(name: str, content: bytes) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, content_type="application/pdf")
