"""The documents of an order as PDF files: its invoice, its credit notes, and the labels of its returns."""

from flask import Response, g

from models import orders, returns
from models.core.database import transaction
from serving.labels import file_name, read_label
from web import access
from web.blueprint import shop
from web.files import pdf_file

ORDER = '/orders/<id("ord"):order_id>'


@shop.get(f"{ORDER}/invoice.pdf")
@access.signed_in
def invoice(order_id: str) -> Response:
    """The invoice of an order."""
    with transaction() as session:
        orders.get_visible_order(session, order_id, g.principal)
        document = orders.describe_invoice(session, order_id)
    return pdf_file(orders.pdf_of_document(document), orders.file_name(document), is_shown=False)


@shop.get(f'{ORDER}/credit-notes/<id("crn"):credit_note_id>.pdf')
@access.signed_in
def credit_note(order_id: str, credit_note_id: str) -> Response:
    """A credit note of an order."""
    with transaction() as session:
        orders.get_visible_order(session, order_id, g.principal)
        note = orders.get_credit_note(session, order_id, credit_note_id)
        document = orders.describe_credit_note(session, note)
    return pdf_file(orders.pdf_of_document(document), orders.file_name(document), is_shown=False)


@shop.get('/returns/<id("ret"):return_id>/label')
@access.signed_in
def return_label(return_id: str) -> Response:
    """The label for the way back, which mails link. 404 without one, 503 if the carrier does not answer."""
    with transaction() as session:
        made = returns.get_visible_return(session, return_id, g.principal)
    return pdf_file(read_label(made), file_name(made), is_shown=False)
