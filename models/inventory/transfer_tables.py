"""The tables of transfers, in schema `inventory`."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created
from models.core.status import Transitions
from models.inventory.tables import Cost, Warehouse

TRANSFER_STATUS = Transitions(
    "transfer",
    {
        "requested": ("in_transit", "cancelled"),
        "in_transit": ("received", "cancelled"),
        "received": (),
        "cancelled": (),
    },
)


class Transfer(Base):
    """Goods that are moved from one warehouse to another. `run_id`: its run of the workflow `transfer`.

    `received_at`: when their receipt was recorded, after which the run takes them into stock; `cancelled_at`: when the
    cancellation was recorded, after which the run puts them back.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint(TRANSFER_STATUS.constraint, name="status"),
        CheckConstraint("source_id <> target_id", name="target"),
        # Those that take up capacity in the target.
        Index(
            "ix_transfer_live", "target_id",
            postgresql_where=text(f"status IN {TRANSFER_STATUS.preceding('cancelled')}"),
        ),
        Index("ix_transfer_status", "status", "id"),
        Index("ix_transfer_source", "source_id", "id"),
        Index("ix_transfer_target", "target_id", "id"),
        {"schema": "inventory"},
    )  # fmt: skip
    id: Mapped[str] = mapped_column(Id("tfr"), primary_key=True)
    source_id: Mapped[str] = mapped_column(Id("wh"), ForeignKey(Warehouse.id))
    target_id: Mapped[str] = mapped_column(Id("wh"), ForeignKey(Warehouse.id))
    status: Mapped[str] = mapped_column(String(16), server_default="requested")
    run_id: Mapped[str] = mapped_column(Id("run"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    received_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]


class TransferLine(Base):
    """Units of a product in a transfer. `received`: how many have arrived, once that is known.

    `scanned`: how many were scanned until then. `unit_cost`: the average cost in the source, as they left.
    """

    __tablename__ = "transfer_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("received BETWEEN 0 AND quantity", name="received"),
        CheckConstraint("scanned >= 0", name="scanned"),
        {"schema": "inventory"},
    )
    transfer_id: Mapped[str] = mapped_column(Id("tfr"), ForeignKey(Transfer.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int]
    received: Mapped[int | None]
    scanned: Mapped[int] = mapped_column(server_default="0")
    unit_cost: Mapped[Cost | None]
