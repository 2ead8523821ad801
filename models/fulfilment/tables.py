"""The tables of schema `fulfilment`: parcels, what is in them, and what the carrier reported."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created
from models.core.status import Transitions

PARCEL_STATUS = Transitions(
    "parcel",
    {
        "pending": ("label_bought", "shipped", "cancelled"),
        "label_bought": ("shipped", "cancelled"),
        "shipped": ("in_transit", "delivered", "lost", "returned"),
        "in_transit": ("delivered", "lost", "returned"),
        "lost": ("delivered", "returned"),
        "delivered": (),
        "cancelled": (),
        "returned": (),
    },
)


class Parcel(Base):
    """A parcel with goods of one order from one warehouse. `run_id`: the run that ships it."""

    __tablename__ = "parcel"
    __table_args__ = (
        CheckConstraint(PARCEL_STATUS.constraint, name="status"),
        Index("ix_parcel_tracking_number", "tracking_number"),
        {"schema": "fulfilment"},
    )
    id: Mapped[str] = mapped_column(Id("ful"), primary_key=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), index=True)
    warehouse_id: Mapped[str] = mapped_column(Id("wh"))
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    carrier: Mapped[str | None] = mapped_column(String(100))
    service: Mapped[str | None] = mapped_column(String(100))
    tracking_number: Mapped[str | None] = mapped_column(String(100))
    tracking_url: Mapped[str | None] = mapped_column(String(500))
    run_id: Mapped[str] = mapped_column(Id("run"))
    delivery_run_id: Mapped[str | None] = mapped_column(Id("run"))
    created_at: Mapped[Created]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class ParcelLine(Base):
    """Units of a product in a parcel."""

    __tablename__ = "parcel_line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"), {"schema": "fulfilment"})
    parcel_id: Mapped[str] = mapped_column(Id("ful"), ForeignKey(Parcel.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    quantity: Mapped[int]


class TrackingEvent(Base):
    """A status of a parcel, and when it began. `place`: where the carrier says that the parcel was."""

    __tablename__ = "tracking_event"
    __table_args__ = ({"schema": "fulfilment"},)
    id: Mapped[str] = mapped_column(Id("trk"), primary_key=True)
    parcel_id: Mapped[str] = mapped_column(Id("ful"), ForeignKey(Parcel.id), index=True)
    status: Mapped[str] = mapped_column(String(16))
    description: Mapped[str | None] = mapped_column(String(500))
    place: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[Created]
