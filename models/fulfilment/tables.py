"""The tables of schema `fulfilment`: parcels, what is in them, and what the carrier reported."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, Currency, MinorUnits
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


class HasLabel:
    """What may have a label: a parcel or a return.

    `label`: the reference under which the carrier knows it, None without one; `gateway`: by which adapter it was
    bought. `label_cost` in minor units of `label_currency`. `label_refund`: what became of its refund, if one was
    requested: submitted, refunded, rejected or not_applicable. Before a label is bought, `carrier` and `service` are
    those that were asked for.
    """

    carrier: Mapped[str | None] = mapped_column(String(100))
    service: Mapped[str | None] = mapped_column(String(100))
    tracking_number: Mapped[str | None] = mapped_column(String(100))
    tracking_url: Mapped[str | None] = mapped_column(String(500))
    gateway: Mapped[str | None] = mapped_column(String(20))
    label: Mapped[str | None] = mapped_column(String(100))
    label_cost: Mapped[MinorUnits | None]
    label_currency: Mapped[Currency | None]
    label_refund: Mapped[str | None] = mapped_column(String(16))

    @property
    def has_usable_label(self) -> bool:
        """Whether there is a label that can be printed: it was bought, and no refund was requested."""
        return self.label is not None and self.label_refund is None


HAS_NUMBER = "label IS NULL OR tracking_number IS NOT NULL AND gateway IS NOT NULL AND label_cost IS NOT NULL"
"""For a CHECK constraint: a label was recorded as a whole."""


class Parcel(HasLabel, Base):
    """A parcel with goods of one order from one warehouse. `run_id`: the run that ships it."""

    __tablename__ = "parcel"
    __table_args__ = (
        CheckConstraint(PARCEL_STATUS.constraint, name="status"),
        CheckConstraint(HAS_NUMBER, name="label"),
        Index("ix_parcel_tracking_number", "tracking_number"),
        {"schema": "fulfilment"},
    )
    id: Mapped[str] = mapped_column(Id("ful"), primary_key=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), index=True)
    warehouse_id: Mapped[str] = mapped_column(Id("wh"))
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
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
    """A status of a parcel, and when it began, by the carrier's clock if the carrier has reported it.

    The carrier's statuses are those of `tasks/gateways/carriers/carrier.py`. `place`: where the parcel was.
    """

    __tablename__ = "tracking_event"
    __table_args__ = ({"schema": "fulfilment"},)
    id: Mapped[str] = mapped_column(Id("trk"), primary_key=True)
    parcel_id: Mapped[str] = mapped_column(Id("ful"), ForeignKey(Parcel.id), index=True)
    status: Mapped[str] = mapped_column(String(32))
    description: Mapped[str | None] = mapped_column(String(500))
    place: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[Created]


class CarrierUpdate(Base):
    """What a carrier has reported about a parcel: its status, and everything that has happened to it so far.

    `id`: that of the webhook's event; a second delivery of it changes nothing. Updates are stored whether or not the
    shop knows the tracking number yet. Of two, the one with the later `changed_at` and the longer `events` is newer.
    """

    __tablename__ = "carrier_update"
    __table_args__ = (
        Index("ix_carrier_update_tracking_number", "tracking_number"),
        Index("ix_carrier_update_received_at", "received_at"),
        {"schema": "fulfilment"},
    )
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    tracking_number: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(32))
    changed_at: Mapped[datetime]
    events: Mapped[list[Any]]
    received_at: Mapped[Created]
