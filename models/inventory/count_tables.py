"""The tables of stock counts, in schema `inventory`."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, MinorUnits
from models.core.status import Transitions
from models.inventory.tables import Warehouse

STOCK_COUNT_STATUS = Transitions(
    "stock count",
    {
        "open": ("submitted", "cancelled", "expired"),
        "submitted": ("approved", "refused", "cancelled", "expired"),
        "approved": ("booked", "cancelled"),  # cancelled: only if its run was cancelled before it booked anything
        "booked": (),
        "refused": (),
        "cancelled": (),
        "expired": (),
    },
)
SCOPES = ("warehouse", "category", "products")


class StockCount(Base):
    """A stock count of a warehouse, or of some products in it. `run_id`: its run of the workflow `stock_count`.

    `decided_by`, `decided_at`: who approved, refused or cancelled it, and when; `reason`: why it was not approved.
    """

    __tablename__ = "stock_count"
    __table_args__ = (
        CheckConstraint(STOCK_COUNT_STATUS.constraint, name="status"),
        CheckConstraint(f"scope IN {SCOPES}", name="scope"),
        CheckConstraint("(scope = 'category') = (category_id IS NOT NULL)", name="category"),
        Index("ix_stock_count_warehouse", "warehouse_id", "id"),
        Index("ix_stock_count_status", "status", "id"),
        {"schema": "inventory"},
    )
    id: Mapped[str] = mapped_column(Id("cnt"), primary_key=True)
    warehouse_id: Mapped[str] = mapped_column(Id("wh"), ForeignKey(Warehouse.id))
    scope: Mapped[str] = mapped_column(String(16))
    category_id: Mapped[str | None] = mapped_column(Id("cat"))
    status: Mapped[str] = mapped_column(String(16), server_default="open")
    run_id: Mapped[str] = mapped_column(Id("run"))
    opened_by: Mapped[str | None] = mapped_column(String(64))
    submitted_by: Mapped[str | None] = mapped_column(String(64))
    submitted_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(500))
    booked_at: Mapped[datetime | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class CountLine(Base):
    """A product of a stock count. `expected`: units on hand at the moment at which `counted` was entered.

    `booked`: units of the movement, once the difference is booked; 0 without a movement. `short`: units by which the
    level should have fallen further, but which are reserved. `unit_value`: the product's price, in minor units.
    """

    __tablename__ = "stock_count_line"
    __table_args__ = (
        CheckConstraint("counted >= 0 AND expected >= 0", name="positive"),
        CheckConstraint("(counted IS NULL) = (expected IS NULL)", name="snapshot"),
        CheckConstraint("(counted IS NULL) = (counted_at IS NULL)", name="counted_at"),
        CheckConstraint("short >= 0", name="short"),
        CheckConstraint("coalesce(booked - short = counted - expected, booked IS NULL AND short = 0)", name="booked"),
        Index(
            "ix_stock_count_line_differing", "stock_count_id", "product_id", postgresql_where=text("difference <> 0")
        ),
        {"schema": "inventory"},
    )
    stock_count_id: Mapped[str] = mapped_column(Id("cnt"), ForeignKey(StockCount.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    unit_value: Mapped[MinorUnits]
    expected: Mapped[int | None]
    counted: Mapped[int | None]
    difference: Mapped[int | None] = mapped_column(Computed("counted - expected", persisted=True))
    counted_by: Mapped[str | None] = mapped_column(String(64))
    counted_at: Mapped[datetime | None]
    booked: Mapped[int | None]
    short: Mapped[int] = mapped_column(server_default="0")
