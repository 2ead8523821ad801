"""The tables of outgoing webhooks."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created
from models.core.events import SHOP_TYPES


class Endpoint(Base):
    """An address of another program to which events are delivered. Never deleted, for the sake of its deliveries.

    `types`: those that it receives; empty: all but those for operators. `cursor`: the position up to which each event
    is delivered, or has a row in `delivery`. `failing_since`: the first failure since the last success. The secrets
    sign and must therefore be readable; `previous_secret` signs, too, until `previous_until`. They are stored as they
    are, because a key that encrypts them would be readable by whoever reads this table, and they give access to nothing
    in the shop.
    """

    __tablename__ = "endpoint"
    __table_args__ = ({"schema": "webhooks"},)
    id: Mapped[str] = mapped_column(Id("whe"), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200), server_default="")
    types: Mapped[list[str]] = mapped_column(ARRAY(String))
    secret: Mapped[str] = mapped_column(String(100))
    previous_secret: Mapped[str | None] = mapped_column(String(100))
    previous_until: Mapped[datetime | None]
    cursor: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    failing_since: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None] = mapped_column(String(300))
    deleted_at: Mapped[datetime | None]

    @property
    def status(self) -> str:
        """`enabled` or `disabled`."""
        return "enabled" if self.disabled_at is None else "disabled"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The types of events that it receives."""
        return tuple(self.types) or SHOP_TYPES

    def __repr__(self) -> str:
        return f"<Endpoint {self.id}>"  # without the secrets


class Delivery(Base):
    """The delivery of an event to an endpoint. `due_at`: when it is attempted next; None: it has ended.

    The response is that of the last attempt, its body cut. `begun_at`: the first attempt, from which the time to give
    up counts.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_endpoint_event", "endpoint_id", "event_id", unique=True),
        Index("ix_delivery_due", "endpoint_id", "position", postgresql_where=text("due_at IS NOT NULL")),
        {"schema": "webhooks"},
    )
    id: Mapped[str] = mapped_column(Id("whd"), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(Id("whe"))
    event_id: Mapped[str] = mapped_column(Id("evt"))
    position: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(server_default="0")
    succeeded: Mapped[bool] = mapped_column(server_default=text("false"))
    due_at: Mapped[datetime | None]
    begun_at: Mapped[datetime | None]
    attempted_at: Mapped[datetime | None]
    url: Mapped[str | None] = mapped_column(String(2000))
    response_status: Mapped[int | None]
    response_body: Mapped[str | None]
    error: Mapped[str | None] = mapped_column(String(300))
    duration: Mapped[int | None]
    created_at: Mapped[Created]

    @property
    def status(self) -> str:
        """`pending`, `succeeded` or `failed`."""
        if self.due_at is not None:
            return "pending"
        return "succeeded" if self.succeeded else "failed"
