"""The tables of payments, their transactions, what providers have told us of their own accord, and reconciliations."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from durable.ids import Id
from models.core.database import Base, Created, Currency, MinorUnits
from models.core.status import Transitions

GATEWAY = "stripe"
"""The payment provider that payments are opened with."""

PAYMENT_STATUS = Transitions(
    "payment",
    {
        "pending": ("action_required", "authorised", "failed", "voided"),
        "action_required": ("authorised", "failed", "voided"),
        "authorised": ("captured", "partially_captured", "voided", "disputed"),
        "partially_captured": ("partially_refunded", "refunded", "disputed"),
        "captured": ("partially_refunded", "refunded", "disputed"),
        "partially_refunded": ("captured", "partially_captured", "refunded", "disputed"),
        "refunded": ("captured", "partially_captured", "partially_refunded", "disputed"),
        "disputed": ("authorised", "captured", "partially_captured", "partially_refunded", "refunded"),
        "failed": (),
        "voided": (),
    },
)
"""A refund may fail after it has succeeded, and a dispute may begin and end: see `models.payments.reported`."""

OPEN_DISPUTE = ("inquiry", "needs_response", "under_review")
"""The statuses of disputes that are not decided."""
DISPUTE_STATUSES = (*OPEN_DISPUTE, "lost", "won")
TRANSACTION_KINDS = ("authorise", "capture", "dispute", "refund", "void")
TRANSACTION_STATUSES = ("declined", "failed", "pending", "succeeded", *DISPUTE_STATUSES)


class Payment(Base):
    """A payment for an order. `authorised` means that the money is held, `captured` that it is ours.

    `gateway`: the provider that is asked for it; `reference`: its name there. An order may have several. `captured` and
    `refunded` are the sums of its succeeded transactions, in minor units. `cancelled`: what goods were worth that were
    cancelled before the capture, which leaves it out. `return_url`: where the provider sends back a customer who had to
    confirm the payment; None: the customer is absent. `next_action`: what an `action_required` payment waits for, as
    the API returns it.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("0 <= refunded AND refunded <= captured AND captured <= amount", name="balance"),
        CheckConstraint("0 <= cancelled AND captured + cancelled <= amount", name="cancelled"),
        CheckConstraint(PAYMENT_STATUS.constraint, name="status"),
        Index("ix_payment_authorised", "gateway", "id", postgresql_where=text("status = 'authorised'")),
        Index("ix_payment_status_order_id", "status", "order_id"),
        Index("ix_payment_status_id", "status", "id"),
        Index("ix_payment_gateway_id", "gateway", "id"),
        {"schema": "payments"},
    )
    id: Mapped[str] = mapped_column(Id("pay"), primary_key=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), index=True)
    amount: Mapped[MinorUnits]
    captured: Mapped[MinorUnits] = mapped_column(server_default="0")
    refunded: Mapped[MinorUnits] = mapped_column(server_default="0")
    cancelled: Mapped[MinorUnits] = mapped_column(server_default="0")
    currency: Mapped[Currency]
    method: Mapped[str]
    gateway: Mapped[str] = mapped_column(server_default=GATEWAY)
    reference: Mapped[str | None] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(server_default="pending")
    decline_code: Mapped[str | None]
    return_url: Mapped[str | None]
    next_action: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    @property
    def capturable(self) -> int:
        """What a capture takes, in minor units, unless staff choose less."""
        return self.amount - self.cancelled


class Transaction(Base):
    """One thing that the provider was asked to do for a payment, or a dispute that it has reported.

    A `pending` row becomes `succeeded` or `failed`. A refund that has succeeded may still fail, and a dispute goes from
    one of OPEN_DISPUTE to `won` or `lost`; any other row is never changed. Money is authorised and voided at most once;
    it may be refunded in parts. `reference`: the name at the provider, of a refund its own; a pending refund without
    one was not answered yet. `run_id`: the run of a capture or a refund. `respond_by`: until when the provider takes a
    response to a dispute; None: it takes none, or does not say.
    """

    __tablename__ = "transaction"
    __table_args__ = (
        Index(
            "uq_transaction_once", "payment_id", "kind", unique=True,
            postgresql_where=text("status = 'succeeded' AND kind IN ('authorise', 'void')"),
        ),
        Index(
            "uq_transaction_dispute", "payment_id", "reference", unique=True, postgresql_where=text("kind = 'dispute'")
        ),
        Index("ix_transaction_dispute", "status", "id", postgresql_where=text("kind = 'dispute'")),
        Index("ix_transaction_pending", "created_at", postgresql_where=text("status = 'pending'")),
        CheckConstraint(f"kind IN {TRANSACTION_KINDS}", name="kind"),
        CheckConstraint(f"status IN {TRANSACTION_STATUSES}", name="status"),
        {"schema": "payments"},
    )  # fmt: skip
    id: Mapped[str] = mapped_column(Id("txn"), primary_key=True)
    payment_id: Mapped[str] = mapped_column(Id("pay"), ForeignKey(Payment.id), index=True)
    kind: Mapped[str]
    status: Mapped[str]
    amount: Mapped[MinorUnits]
    reference: Mapped[str | None]
    run_id: Mapped[str | None] = mapped_column(Id("run"))
    error: Mapped[dict[str, Any] | None]
    respond_by: Mapped[datetime | None]
    created_at: Mapped[Created]


class WebhookEvent(Base):
    """An event that the provider has told us of; its id makes a second telling a no-op."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index("ix_webhook_event_received_at", "received_at"), {"schema": "payments"})
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    reference: Mapped[str | None]
    received_at: Mapped[Created]


DIFFERENCES = (
    "paid_without_order", "order_without_payment", "amount_differs", "refund_differs", "double_payment",
    "forgotten_authorisation", "lapsed_authorisation",
)  # fmt: skip
REPAIRABLE = ("forgotten_authorisation",)
"""The kinds that a reconciliation repairs by itself."""
_DIFFERENCES = ", ".join(f"'{kind}'" for kind in DIFFERENCES)


class Reconciliation(Base):
    """A finished reconciliation of the payments that were created in a period, which ends with `day`.

    `counts`: the compared payments, ours and theirs, and the differences: all, repaired ones, and by kind.
    """

    __tablename__ = "reconciliation"
    __table_args__ = (CheckConstraint("status IN ('clean', 'differences')", name="status"), {"schema": "payments"})
    id: Mapped[str] = mapped_column(Id("rec"), primary_key=True)
    run_id: Mapped[str] = mapped_column(Id("run"))
    day: Mapped[date]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    counts: Mapped[dict[str, Any]]
    created_at: Mapped[Created]


class Difference(Base):
    """A difference between a provider's payment and ours. Differences are written before their reconciliation.

    `subject`: the provider's reference, or the id of our payment if there is none. `ours`, `theirs`: amounts in minor
    units; None: nothing. `repair`: `done`, `refused` (it is no longer needed, or no longer possible), or None.
    """

    __tablename__ = "difference"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_DIFFERENCES})", name="kind"),
        CheckConstraint("repair IN ('done', 'refused')", name="repair"),
        {"schema": "payments"},
    )
    reconciliation_id: Mapped[str] = mapped_column(Id("rec"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    gateway: Mapped[str]
    order_id: Mapped[str | None] = mapped_column(Id("ord"))
    payment_id: Mapped[str | None] = mapped_column(Id("pay"))
    reference: Mapped[str | None]
    ours: Mapped[int | None] = mapped_column(BigInteger)
    ours_currency: Mapped[Currency | None]
    theirs: Mapped[int | None] = mapped_column(BigInteger)
    theirs_currency: Mapped[Currency | None]
    repair: Mapped[str | None] = mapped_column(String(16))

    @property
    def repaired(self) -> bool:
        return self.repair == "done"
