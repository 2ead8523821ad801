"""The table of outside reservations, in schema `inventory`."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created
from models.core.status import Transitions

OUTSIDE_STATUS = Transitions(
    "outside reservation",
    {"held": ("shipped", "released", "expired"), "shipped": (), "released": (), "expired": ()},
)


class OutsideReservation(Base):
    """Units that are held for an order of another system. `run_id`: its run of the workflow `outside_reservation`.

    `reference`: what the other system calls the order. `units`: of all lines, which are rows of `Reservation`: their
    `order_id` has the same UUID.
    """

    __tablename__ = "outside_reservation"
    __table_args__ = (
        CheckConstraint(OUTSIDE_STATUS.constraint, name="status"),
        CheckConstraint("units > 0", name="units"),
        Index("uq_outside_reservation_held", "reference", unique=True, postgresql_where=text("status = 'held'")),
        Index("ix_outside_reservation_reference", "reference", "id"),
        Index("ix_outside_reservation_status", "status", "id"),
        {"schema": "inventory"},
    )
    id: Mapped[str] = mapped_column(Id("res"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(16), server_default="held")
    units: Mapped[int] = mapped_column(BigInteger)
    run_id: Mapped[str] = mapped_column(Id("run"))
    expires_at: Mapped[datetime]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
