"""What an invoice or a credit note says. The API shows it as JSON, HTML and PDF."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from models import accounts, payments
from models.orders.invoices import list_invoice_numbers
from models.orders.queries import lines_of
from models.orders.tables import CreditNote, Invoice, Order
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


def describe_invoice(session: Session, order: Order, invoice: Invoice) -> Document:
    """What the invoice of this order says."""
    lines = [
        DocumentLine(line.product_id, line.sku, line.title, line.quantity, line.unit_price)
        for line in lines_of(session, [order.id])[order.id]
    ]
    return Document(
        id=invoice.id, title="Invoice", number=invoice.number, issued_at=invoice.issued_at, status=invoice.status,
        lines=lines, total=order.total, **_about(session, order),
    )  # fmt: skip


def describe_credit_note(session: Session, order: Order, note: CreditNote) -> Document:
    """What a credit note of this order says. It names the invoice that it corrects."""
    known = DocumentLine.__dataclass_fields__
    lines = [DocumentLine(**{name: line[name] for name in known}) for line in note.lines]
    return Document(
        id=note.id, title="Credit note", number=note.number, issued_at=note.issued_at, reason=note.reason,
        invoice_number=list_invoice_numbers(session, [order.id]).get(order.id),
        lines=lines, total=note.amount, **_about(session, order),
    )  # fmt: skip


def _about(session: Session, order: Order) -> dict[str, Any]:
    """What all documents of an order have in common."""
    user = accounts.get(session, order.user_id)
    return {
        "order_id": order.id,
        "order_number": str(order.number),
        "payment_status": payments.list_newest_payments(session, [order.id])[order.id].status,
        "seller": Seller(settings.seller_name, settings.seller_address, settings.seller_tax_id or None),
        "customer_name": f"{user.first_name} {user.last_name}".strip() or None,
        "address": order.address,
        "currency": order.currency,
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
