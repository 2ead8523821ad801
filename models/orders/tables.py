"""The tables of orders, their lines and invoices."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    String,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, Currency, MinorUnits
from models.core.status import Transitions

ORDER_STATUS = Transitions(
    "order",
    {
        "pending": ("confirmed", "cancelled"),
        "confirmed": ("processing", "cancelled"),
        "processing": ("confirmed", "shipped", "cancelled"),
        "shipped": ("delivered", "returned"),
        "delivered": ("returned",),
        "cancelled": (),
        "returned": (),
    },
)

INVOICE_STATUS = Transitions("invoice", {"issued": ("paid", "void"), "paid": ("void",), "void": ()})

_FULL_NAME = "(first_name::text || ' '::text) || last_name::text"


class Order(Base):
    """What a customer has bought. Prices and address are frozen as they were when it was placed.

    `note` and `tags` are for staff; customers do not see them. `parcels`: how many were made and not cancelled.
    `return_id`: the return whose goods this order replaces. `first_name` and `last_name`: the customer's then, by which
    staff find the order; None once they are erased.
    """

    __tablename__ = "order"
    __table_args__ = (
        CheckConstraint(ORDER_STATUS.constraint, name="status"),
        Index("ix_order_user_id_id", "user_id", "id"),
        # For searches, newest first.
        Index("ix_order_status_id", "status", "id"),
        Index("ix_order_full_name", text(f"lower({_FULL_NAME})"), "id"),
        Index("ix_order_last_name", text("lower(last_name)"), "id"),
        Index("ix_order_tags", "tags", postgresql_using="gin", postgresql_where=text("tags <> '{}'")),
        {"schema": "orders"},
    )
    id: Mapped[str] = mapped_column(Id("ord"), primary_key=True)
    number: Mapped[int] = mapped_column(Identity(start=100001), unique=True)
    user_id: Mapped[str] = mapped_column(Id("usr"))
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    run_id: Mapped[str | None] = mapped_column(Id("run"))
    status: Mapped[str] = mapped_column(server_default="pending")
    reason: Mapped[dict[str, Any] | None]
    total: Mapped[MinorUnits]
    currency: Mapped[Currency]
    address: Mapped[dict[str, Any]]
    note: Mapped[str | None] = mapped_column(String(2000))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(64)), server_default="{}")
    parcels: Mapped[int] = mapped_column(server_default="0")
    return_id: Mapped[str | None] = mapped_column(Id("ret"))
    created_at: Mapped[Created]
    confirmed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]


lower_full_name: ColumnElement[str] = literal_column(f"lower({_FULL_NAME})")
lower_last_name: ColumnElement[str] = func.lower(Order.last_name)
"""The customer's names in lower case, for searches."""


class Line(Base):
    """One product of an order, as it was called and priced then.

    `cancelled`: of its pieces, those that were cancelled while the rest of the order was not.
    """

    __tablename__ = "line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("0 <= cancelled AND cancelled <= quantity", name="cancelled"),
        Index("ix_line_sku_order_id", "sku", "order_id"),
        {"schema": "orders"},
    )
    order_id: Mapped[str] = mapped_column(Id("ord"), ForeignKey(Order.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    sku: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int]
    cancelled: Mapped[int] = mapped_column(server_default="0")
    unit_price: Mapped[MinorUnits]


class Invoice(Base):
    """The bill of a confirmed order."""

    __tablename__ = "invoice"
    __table_args__ = (CheckConstraint(INVOICE_STATUS.constraint, name="status"), {"schema": "orders"})
    id: Mapped[str] = mapped_column(Id("inv"), primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), ForeignKey(Order.id), unique=True)
    status: Mapped[str] = mapped_column(server_default="issued")
    issued_at: Mapped[Created]


class InvoiceCounter(Base):
    """The last invoice number of each year. A sequence would leave gaps, which tax law does not like
    (for instance Directive 2006/112/EC, article 226 (2): a sequential number)."""

    __tablename__ = "invoice_counter"
    __table_args__ = ({"schema": "orders"},)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class History(Base):
    """A change of an order's status after its checkout. `actor`: the user who made it, or the workflow.

    What a checkout does is in the order itself: `created_at`, `confirmed_at`, `cancelled_at` and `reason`.
    """

    __tablename__ = "history"
    __table_args__ = ({"schema": "orders"},)
    id: Mapped[str] = mapped_column(Id("his"), primary_key=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), ForeignKey(Order.id), index=True)
    actor: Mapped[str | None] = mapped_column(String(64))
    before: Mapped[str]
    after: Mapped[str]
    reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[Created]


class CreditNote(Base):
    """Credits money of an invoice to the customer. `source`: the transaction or the cancellation that it is for.

    `lines`: [{product_id, sku, title, quantity, unit_price}], empty if an amount was refunded regardless of lines.
    """

    __tablename__ = "credit_note"
    __table_args__ = (CheckConstraint("amount > 0", name="amount"), {"schema": "orders"})
    id: Mapped[str] = mapped_column(Id("crn"), primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), ForeignKey(Order.id), index=True)
    source: Mapped[str] = mapped_column(String(64), unique=True)
    amount: Mapped[MinorUnits]
    reason: Mapped[str | None] = mapped_column(String(500))
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    issued_at: Mapped[Created]


class CreditNoteCounter(Base):
    """The last credit note number of each year; see InvoiceCounter."""

    __tablename__ = "credit_note_counter"
    __table_args__ = ({"schema": "orders"},)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
