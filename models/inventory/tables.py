"""The tables of schema `inventory`."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Identity, Index, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, MinorUnits
from models.core.status import Transitions

WAREHOUSE_STATUS = Transitions("warehouse", {"active": ("closed",), "closed": ("active",)})
RESERVATION_STATUS = Transitions(
    "reservation",
    {
        "reserved": ("allocated", "released"),
        "allocated": ("released", "shipped"),
        "released": (),
        "shipped": ("allocated",),  # further units of the line are allocated in the same warehouse
    },
)
PURCHASE_ORDER_STATUS = Transitions(
    "purchase order",
    {
        "ordered": ("partly_received", "received", "cancelled"),
        "partly_received": ("received", "cancelled"),
        "received": (),
        "cancelled": (),
    },
)
OPEN = PURCHASE_ORDER_STATUS.preceding("received")
"""Statuses of purchase orders with outstanding quantities."""
BACKORDER_STATUS = Transitions(
    "backorder",
    {
        "reserved": ("waiting", "filled", "released"),
        "waiting": ("filled", "released"),
        "filled": (),
        "released": (),
    },
)

Cost = Annotated[Decimal, mapped_column(Numeric(18, 6))]
"""What a unit has cost, in minor units."""


class Warehouse(Base):
    """A warehouse. `capacity`: units per product kind; a missing or null kind is unlimited."""

    __tablename__ = "warehouse"
    __table_args__ = (
        CheckConstraint(WAREHOUSE_STATUS.constraint, name="status"),
        Index("uq_warehouse_default", "is_default", unique=True, postgresql_where=text("is_default")),
        {"schema": "inventory"},
    )
    id: Mapped[str] = mapped_column(Id("wh"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    address: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    status: Mapped[str] = mapped_column(String(16), server_default="active")
    capacity: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Stock(Base):
    """A stock level: the units of a product on hand in a warehouse, and how many are reserved.

    `average_cost`: the moving average of what its units have cost; None until units of a known cost come.
    """

    __tablename__ = "stock"
    __table_args__ = (
        CheckConstraint("on_hand >= 0", name="on_hand"),
        CheckConstraint("reserved >= 0", name="reserved"),
        CheckConstraint("reserved <= on_hand", name="not_oversold"),
        CheckConstraint(
            "(low_since IS NOT NULL) = coalesce(on_hand - reserved <= reorder_point, false)", name="low_since"
        ),
        # Changes only when a level crosses its reorder point, so that other updates are heap-only (HOT).
        Index(
            "ix_stock_low", "low_since", "product_id", "warehouse_id", postgresql_where=text("low_since IS NOT NULL")
        ),
        Index("ix_stock_sellable", "product_id", "warehouse_id", postgresql_where=text("sellable")),
        {"schema": "inventory"},
    )
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    warehouse_id: Mapped[str] = mapped_column(Id("wh"), ForeignKey(Warehouse.id), primary_key=True, index=True)
    on_hand: Mapped[int] = mapped_column(server_default="0")
    reserved: Mapped[int] = mapped_column(server_default="0")
    reorder_point: Mapped[int | None]
    reorder_quantity: Mapped[int | None]
    low_since: Mapped[datetime | None]
    average_cost: Mapped[Cost | None] = mapped_column(deferred=True)
    sellable: Mapped[bool] = mapped_column(Computed("on_hand > reserved", persisted=True), deferred=True)

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Movement(Base):
    """A stock movement: units added (+) or removed (-), and the reason. Never updated or deleted.

    `unit_cost`: of units that came at a known cost.
    """

    __tablename__ = "movement"
    __table_args__ = (
        CheckConstraint("quantity <> 0", name="quantity"),
        Index("ix_movement_product", "product_id", "id"),
        Index("ix_movement_warehouse", "warehouse_id", "id"),
        Index("ix_movement_created_at", "created_at", postgresql_using="brin"),  # append-only
        {"schema": "inventory"},
    )
    id: Mapped[str] = mapped_column(Id("mov"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"))
    warehouse_id: Mapped[str] = mapped_column(Id("wh"), ForeignKey(Warehouse.id))
    quantity: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200))
    reference: Mapped[str | None] = mapped_column(String(200))
    actor: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[Created]
    unit_cost: Mapped[Cost | None]


class Reservation(Base):
    """Units of a product in a warehouse that are reserved for an order. `shipped`: of those, units that have left.

    `order_id`: also that of an outside reservation, with another prefix.
    """

    __tablename__ = "reservation"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("0 <= shipped AND shipped <= quantity", name="shipped"),
        CheckConstraint(RESERVATION_STATUS.constraint, name="status"),
        # Those that hold stock back.
        Index(
            "ix_reservation_live", "product_id", "warehouse_id",
            postgresql_where=text(RESERVATION_STATUS.may_become("released")),
        ),
        {"schema": "inventory"},
    )  # fmt: skip
    order_id: Mapped[str] = mapped_column(Id("ord"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    warehouse_id: Mapped[str] = mapped_column(Id("wh"), ForeignKey(Warehouse.id), primary_key=True)
    quantity: Mapped[int]
    shipped: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[str] = mapped_column(String(16), server_default="reserved")
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class BackorderTerms(Base):
    """How many units of a product are sold beyond stock, at most, and when they are promised.

    `backordered`: units that orders wait for. `excess`: of those, units beyond a limit that was lowered meanwhile.
    """

    __tablename__ = "backorder_terms"
    __table_args__ = (
        CheckConstraint("backordered >= 0 AND excess >= 0 AND maximum >= 0", name="positive"),
        CheckConstraint("backordered <= maximum + excess", name="not_oversold"),
        CheckConstraint("maximum = 0 OR promised_on IS NOT NULL", name="promised"),
        {"schema": "inventory"},
    )
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    maximum: Mapped[int]
    backordered: Mapped[int] = mapped_column(server_default="0")
    excess: Mapped[int] = mapped_column(server_default="0")
    promised_on: Mapped[date | None]
    updated_at: Mapped[Created]


class Backorder(Base):
    """Units of a product that were sold to an order beyond stock. `filled`: of those, units that are reserved now.

    `reserved` until the order is confirmed, then `waiting`. `promised_on`: as the order was placed.
    """

    __tablename__ = "backorder"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("0 <= filled AND filled <= quantity", name="filled"),
        CheckConstraint(BACKORDER_STATUS.constraint, name="status"),
        # The queue of a product: ids of orders sort by the time at which they were placed.
        Index(
            "ix_backorder_queue", "product_id", "order_id",
            postgresql_where=text(BACKORDER_STATUS.may_become("released")),
        ),
        {"schema": "inventory"},
    )  # fmt: skip
    order_id: Mapped[str] = mapped_column(Id("ord"), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    quantity: Mapped[int]
    filled: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[str] = mapped_column(String(16), server_default="reserved")
    promised_on: Mapped[date]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class PurchaseOrder(Base):
    """A purchase order for a warehouse. `run_id`: its run of the workflow `restock`."""

    __tablename__ = "purchase_order"
    __table_args__ = (
        CheckConstraint(PURCHASE_ORDER_STATUS.constraint, name="status"),
        Index("ix_purchase_order_status", "status", "id"),
        Index("ix_purchase_order_warehouse", "warehouse_id", "id"),
        {"schema": "inventory"},
    )
    id: Mapped[str] = mapped_column(Id("po"), primary_key=True)
    number: Mapped[int] = mapped_column(Identity(start=1001), unique=True)
    warehouse_id: Mapped[str] = mapped_column(Id("wh"), ForeignKey(Warehouse.id))
    status: Mapped[str] = mapped_column(String(16), server_default="ordered")
    run_id: Mapped[str] = mapped_column(Id("run"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    closed_at: Mapped[datetime | None]


class PurchaseLine(Base):
    """A line of a purchase order. `delivered`: accepted units; `received`: of those, units in stock.

    `scanned`: units that were scanned and are not booked as delivered yet. `unit_cost`: the supplier's price, None if
    it is not known.
    """

    __tablename__ = "purchase_order_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("0 <= received AND received <= delivered AND delivered <= quantity", name="received"),
        CheckConstraint("unit_cost >= 0", name="unit_cost"),
        CheckConstraint("scanned >= 0", name="scanned"),
        Index(
            "ix_purchase_order_line_cost", "product_id", "purchase_order_id",
            postgresql_where=text("unit_cost IS NOT NULL"),
        ),
        Index("ix_purchase_order_line_due", "product_id", postgresql_where=text("received < quantity")),
        Index("ix_purchase_order_line_unbooked", "purchase_order_id", postgresql_where=text("delivered > received")),
        {"schema": "inventory"},
    )  # fmt: skip
    purchase_order_id: Mapped[str] = mapped_column(Id("po"), ForeignKey(PurchaseOrder.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int]
    delivered: Mapped[int] = mapped_column(server_default="0")
    received: Mapped[int] = mapped_column(server_default="0")
    scanned: Mapped[int] = mapped_column(server_default="0")
    unit_cost: Mapped[MinorUnits | None]


class Waiting(Base):
    """A customer who waits for a product that is sold out."""

    __tablename__ = "waiting"
    __table_args__ = ({"schema": "inventory"},)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), primary_key=True, index=True)
    created_at: Mapped[Created]
