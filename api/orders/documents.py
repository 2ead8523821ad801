"""Views of an order's documents: its invoice and each credit note, as JSON, HTML and PDF."""

from flask import Response, g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed, user_or_api_key
from api.http.errors import error_codes
from api.orders.blueprint import blueprint
from api.orders.document_page import POLICY, page_of_document
from api.orders.schemas import CreditNoteDocument, Invoice, InvoiceEdit
from models import orders
from models.core.database import transaction

NOTE = '/orders/<id("ord"):order_id>/credit-notes/<id("crn"):credit_note_id>'


@blueprint.route('/orders/<id("ord"):order_id>/invoice')
class InvoiceView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Invoice)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns the invoice of an order. 404 until the order is confirmed."""
        return _view(_invoice(order_id))

    @allowed("orders:write")
    @error_codes("wrong_state")
    @blueprint.arguments(InvoiceEdit)
    @blueprint.response(200, Invoice)
    def patch(self, body: dict[str, str], order_id: str) -> dict[str, object]:
        """Changes the status of an invoice: `issued` to `paid` or `void`, `paid` to `void`. `void` is final."""
        with transaction() as session:
            orders.change_invoice_status(session, order_id, body["status"])
            return _view(orders.describe_invoice(session, order_id))


@blueprint.route('/orders/<id("ord"):order_id>/invoice.html')
class InvoicePageView(MethodView):
    @user_or_api_key
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    def get(self, order_id: str) -> Response:
        """Returns the invoice of an order as a printable HTML page."""
        return _page(_invoice(order_id))


@blueprint.route('/orders/<id("ord"):order_id>/invoice.pdf')
class InvoiceFileView(MethodView):
    @user_or_api_key
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
    def get(self, order_id: str) -> Response:
        """Returns the invoice of an order as a PDF file."""
        return _file(_invoice(order_id))


@blueprint.route(NOTE)
class CreditNoteView(MethodView):
    @user_or_api_key
    @blueprint.response(200, CreditNoteDocument)
    def get(self, order_id: str, credit_note_id: str) -> dict[str, object]:
        """Returns a credit note of an order."""
        return _view(_credit_note(order_id, credit_note_id))


@blueprint.route(f"{NOTE}.html")
class CreditNotePageView(MethodView):
    @user_or_api_key
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    def get(self, order_id: str, credit_note_id: str) -> Response:
        """Returns a credit note as a printable HTML page."""
        return _page(_credit_note(order_id, credit_note_id))


@blueprint.route(f"{NOTE}.pdf")
class CreditNoteFileView(MethodView):
    @user_or_api_key
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
    def get(self, order_id: str, credit_note_id: str) -> Response:
        """Returns a credit note as a PDF file."""
        return _file(_credit_note(order_id, credit_note_id))


def _invoice(order_id: str) -> orders.Document:
    with transaction() as session:
        _check_visible(session, order_id)
        return orders.describe_invoice(session, order_id)


def _credit_note(order_id: str, credit_note_id: str) -> orders.Document:
    with transaction() as session:
        _check_visible(session, order_id)
        return orders.describe_credit_note(session, orders.get_credit_note(session, order_id, credit_note_id))


def _check_visible(session: Session, order_id: str) -> None:
    orders.get_visible_order(session, order_id, g.principal)


def _page(document: orders.Document) -> Response:
    headers = {"Content-Security-Policy": POLICY}
    return Response(page_of_document(document), headers=headers, content_type="text/html; charset=utf-8")


def _file(document: orders.Document) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{orders.file_name(document)}"'}
    return Response(orders.pdf_of_document(document), headers=headers, content_type="application/pdf")


def _view(document: orders.Document) -> dict[str, object]:
    same = ("id", "number", "order_id", "order_number", "payment_status", "issued_at", "seller", "status",
            "invoice_number", "reason")  # fmt: skip
    return {
        **{name: getattr(document, name) for name in same},
        "customer": {"name": document.customer_name, "address": document.address},
        "lines": [_line(line, document.currency) for line in document.lines],
        "total": {"amount": document.total, "currency": document.currency},
    }


def _line(line: orders.DocumentLine, currency: str) -> dict[str, object]:
    return {
        **vars(line),
        "unit_price": {"amount": line.unit_price, "currency": currency},
        "line_total": {"amount": line.line_total, "currency": currency},
    }
