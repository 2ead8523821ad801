"""The tables of schema `returns`."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, MinorUnits
from models.core.status import Transitions
from models.fulfilment import HAS_NUMBER, HasLabel

RETURN_STATUS = Transitions(
    "return",
    {
        "requested": ("approved", "refused"),
        "approved": ("in_transit", "received", "closed"),
        "in_transit": ("received", "closed"),
        "received": ("refunded", "closed"),
        "refunded": (),
        "refused": (),
        "closed": (),
    },
)


class Return(HasLabel, Base):
    """Goods that a customer sends back. `refund` in minor units of the order's currency, once it is known.

    `closed` without `received_at`: the goods have not arrived. `label_error`: why the carrier has sold no label.
    `exchange`: what the customer wants instead, [{product_id, sku, title, quantity, unit_price}];
    `replacement_order_id`: the order by which it is sent.
    """

    __tablename__ = "return"
    __table_args__ = (
        CheckConstraint(RETURN_STATUS.constraint, name="status"),
        CheckConstraint(HAS_NUMBER, name="label"),
        Index("ix_return_tracking_number", "tracking_number"),
        Index("ix_return_status", "status", "id"),
        {"schema": "returns"},
    )
    id: Mapped[str] = mapped_column(Id("ret"), primary_key=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), index=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), index=True)
    status: Mapped[str] = mapped_column(String(16), server_default="requested")
    reason: Mapped[str] = mapped_column(String(500))
    comment: Mapped[str | None] = mapped_column(String(2000))
    refused_because: Mapped[str | None] = mapped_column(String(500))
    refund: Mapped[MinorUnits | None]
    exchange: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    replacement_order_id: Mapped[str | None] = mapped_column(Id("ord"), unique=True)
    label_error: Mapped[str | None] = mapped_column(String(500))
    run_id: Mapped[str] = mapped_column(Id("run"))
    created_at: Mapped[Created]
    decided_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]


class ReturnLine(Base):
    """Units of a product that are announced, and of those that were received: resellable and damaged ones."""

    __tablename__ = "return_line"
    __table_args__ = (
        CheckConstraint("quantity >= 0 AND resellable >= 0 AND damaged >= 0", name="quantities"),
        {"schema": "returns"},
    )
    return_id: Mapped[str] = mapped_column(Id("ret"), ForeignKey(Return.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(Id("prd"), primary_key=True)
    quantity: Mapped[int]
    resellable: Mapped[int] = mapped_column(server_default="0")
    damaged: Mapped[int] = mapped_column(server_default="0")
