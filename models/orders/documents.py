"""What an invoice or a credit note says. The API shows it as JSON, HTML and PDF."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select

from models import accounts, payments
from models.core.database import Statements
from models.core.errors import NotFound
from models.orders.tables import CreditNote, Invoice, Line, Order
from settings import settings


@dataclass(frozen=True)
class Seller:
    """The shop, as its settings name it now."""

    name: str
    address: str
    tax_id: str | None


@dataclass(frozen=True)
class DocumentLine:
    """A line. `unit_price` in minor units."""

    product_id: str
    sku: str
    title: str
    quantity: int
    unit_price: int

    @property
    def line_total(self) -> int:
        """In minor units."""
        return self.quantity * self.unit_price


@dataclass(frozen=True)
class Document:
    """An invoice (`status` is set) or a credit note (`invoice_number` and, if it was given, `reason` are set).

    `total` in minor units. A credit note without lines credits an amount regardless of lines. `address` is that of the
    order. Once the customer's account is closed, `customer_name` is None, and only the country of the address is kept.
    """

    id: str
    title: str
    number: str
    issued_at: datetime
    order_id: str
    order_number: str
    payment_status: str
    seller: Seller
    customer_name: str | None
    address: Mapping[str, Any]
    lines: Sequence[DocumentLine]
    total: int
    currency: str
    status: str | None = None
    invoice_number: str | None = None
    reason: str | None = None

    @property
    def address_lines(self) -> list[str]:
        """The address as it is written on a letter."""
        line1, line2, postal_code, city, country = (
            self.address.get(name) or "" for name in ("line1", "line2", "postal_code", "city", "country")
        )
        return [line for line in (line1, line2, f"{postal_code} {city}".strip(), country) if line]


_HEAD = (
    select(
        Order.id.label("order_id"), Order.number.label("order_number"), Order.total, Order.currency, Order.address,
        accounts.User.first_name, accounts.User.last_name, payments.newest_status(Order.id).label("payment_status"),
        Invoice.id, Invoice.number, Invoice.issued_at, Invoice.status,
    )
    .join(accounts.User, accounts.User.id == Order.user_id)
    .outerjoin(Invoice, Invoice.order_id == Order.id)
    .where(Order.id == bindparam("order_id"))
)  # fmt: skip
# A row per line. An invoice is attached to each confirmation: as objects, its parts took five statements.
_INVOICE = (
    _HEAD.add_columns(Line.product_id, Line.sku, Line.title, Line.quantity, Line.unit_price)
    .join(Line, Line.order_id == Order.id)
    .where(Invoice.id.is_not(None))
    .order_by(Line.sku)
)


def describe_invoice(session: Statements, order_id: str) -> Document:
    """What the invoice of an order says. Raises NotFound while there is none."""
    rows = session.execute(_INVOICE, {"order_id": order_id}).all()
    if not rows:
        raise NotFound("This order has no invoice.")
    head = rows[0]
    lines = [DocumentLine(row.product_id, row.sku, row.title, row.quantity, row.unit_price) for row in rows]
    return Document(
        id=head.id, title="Invoice", number=head.number, issued_at=head.issued_at, status=head.status,
        lines=lines, total=head.total, **_about(head),
    )  # fmt: skip


def describe_credit_note(session: Statements, note: CreditNote) -> Document:
    """What a credit note says. It names the invoice that it corrects."""
    head = session.execute(_HEAD, {"order_id": note.order_id}).one()
    known = DocumentLine.__dataclass_fields__
    lines = [DocumentLine(**{name: line[name] for name in known}) for line in note.lines]
    return Document(
        id=note.id, title="Credit note", number=note.number, issued_at=note.issued_at, reason=note.reason,
        invoice_number=head.number, lines=lines, total=note.amount, **_about(head),
    )  # fmt: skip


def _about(head: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """What all documents of an order have in common."""
    return {
        "order_id": head.order_id,
        "order_number": str(head.order_number),
        "payment_status": head.payment_status,
        "seller": Seller(settings.seller_name, settings.seller_address, settings.seller_tax_id or None),
        "customer_name": f"{head.first_name} {head.last_name}".strip() or None,
        "address": head.address,
        "currency": head.currency,
    }


def facts_of(document: Document) -> list[tuple[str, str]]:
    """What stands at the head of a document: names and values."""
    found = [
        ("Date", f"{document.issued_at:%Y-%m-%d}"),
        ("Order", document.order_number),
        ("Invoice", document.invoice_number),
        ("Status", document.status),
        ("Payment", document.payment_status.replace("_", " ")),
        ("Reason", document.reason),
    ]
    return [(name, value) for name, value in found if value]


def money(amount: int, currency: str) -> str:
    """An amount in minor units, for people: `19.99 EUR`, with a no-break space."""
    return f"{amount // 100}.{amount % 100:02}\N{NO-BREAK SPACE}{currency}"


def file_name(document: Document) -> str:
    """Such as `credit-note-C2026-000001.pdf`."""
    return f"{document.title.lower().replace(' ', '-')}-{document.number}.pdf"


def pdf_of_document(document: Document) -> bytes:
    """An invoice or a credit note as a PDF file."""
    from models.orders import document_pdf  # late: fpdf2 takes a tenth of a second, and most processes make no file

    return document_pdf.write(document)
