"""The tables of orders, their lines and invoices."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, Currency, MinorUnits
from models.core.status import Transitions

ORDER_STATUS = Transitions(
    "order",
    {
        "pending": ("confirmed", "cancelled"),
        "confirmed": ("processing",),
        "processing": ("shipped",),
        "shipped": ("delivered", "returned"),
        "delivered": ("returned",),
        "cancelled": (),
        "returned": (),
    },
)


class Order(Base):
    """What a customer has bought. Prices and address are frozen as they were when it was placed."""

    __tablename__ = "order"
    __table_args__ = (
        CheckConstraint(ORDER_STATUS.constraint, name="status"),
        Index("ix_order_user_id_id", "user_id", "id"),
        {"schema": "orders"},
    )
    id: Mapped[str] = mapped_column(Id("ord"), primary_key=True)
    number: Mapped[int] = mapped_column(Identity(start=100001), unique=True)
    user_id: Mapped[str] = mapped_column(Id("usr"))
    run_id: Mapped[str | None] = mapped_column(Id("run"))
    status: Mapped[str] = mapped_column(server_default="pending")
    reason: Mapped[dict[str, Any] | None]
    total: Mapped[MinorUnits]
    currency: Mapped[Currency]
    address: Mapped[dict[str, Any]]
    created_at: Mapped[Created]
    confirmed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]


class Line(Base):
    """One product of an order, as it was called and priced then."""

    __tablename__ = "line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"), {"schema": "orders"})
    order_id: Mapped[str] = mapped_column(Id("ord"), ForeignKey(Order.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    sku: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[MinorUnits]


class Invoice(Base):
    """The bill of a confirmed order."""

    __tablename__ = "invoice"
    __table_args__ = ({"schema": "orders"},)
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
