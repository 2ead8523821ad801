"""Payments and their transactions: what the gateway was asked for an order, and what it answered."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from durable.ids import Id, new_id
from models.core.database import Base, Created, Currency, MinorUnits
from models.core.errors import NotFound

STATUSES = ("pending", "authorised", "captured", "declined", "voided", "refunded")


class Payment(Base):
    """One order's payment. `authorised` means that the money is held, `captured` that it is ours."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        {"schema": "payments"},
    )
    id: Mapped[str] = mapped_column(Id("pay"), primary_key=True)
    order_id: Mapped[str] = mapped_column(Id("ord"), unique=True)
    amount: Mapped[MinorUnits]
    currency: Mapped[Currency]
    method: Mapped[str]
    gateway: Mapped[str] = mapped_column(server_default="stripe")
    reference: Mapped[str | None] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(server_default="pending")
    decline_code: Mapped[str | None]
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Transaction(Base):
    """One thing that the gateway did for a payment; never changed."""

    __tablename__ = "transaction"
    __table_args__ = (
        Index(
            "uq_transaction_once", "payment_id", "kind", unique=True,
            postgresql_where=text("status = 'succeeded' AND kind <> 'refund'"),
        ),
        {"schema": "payments"},
    )  # fmt: skip
    id: Mapped[str] = mapped_column(Id("txn"), primary_key=True)
    payment_id: Mapped[str] = mapped_column(Id("pay"), ForeignKey(Payment.id), index=True)
    kind: Mapped[str]
    status: Mapped[str]
    amount: Mapped[MinorUnits]
    reference: Mapped[str | None]
    created_at: Mapped[Created]


class WebhookEvent(Base):
    """An event that the gateway has told us of; its id makes a second telling a no-op."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index("ix_webhook_event_received_at", "received_at"), {"schema": "payments"})
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    reference: Mapped[str | None]
    received_at: Mapped[Created]


_OPEN = insert(Payment)


def open_payment(session: Session, order_id: str, amount: int, currency: str, method: str) -> None:
    """Opens the payment that an order waits for. `amount` in minor units."""
    row = {"id": new_id("pay"), "order_id": order_id, "amount": amount, "currency": currency, "method": method}
    session.connection().execute(_OPEN, row)


_TO_HOLD = select(
    Payment.order_id, Payment.amount, Payment.currency, Payment.method, Payment.created_at.label("since")
).where(Payment.order_id == bindparam("order_id"))


def to_hold(session: Session, order_id: str) -> dict[str, Any]:
    """What the gateway is to hold for the order: {order_id, amount, currency, method, since}.

    `since` is when the payment was opened (ISO 8601): the gateway was asked later.
    """
    row = session.connection().execute(_TO_HOLD, {"order_id": order_id}).one()
    return {**row._mapping, "since": row.since.isoformat()}


_OF_ORDER = select(Payment).where(Payment.order_id == bindparam("order_id")).with_for_update()


def of_order(session: Session, order_id: str) -> Payment:
    """The order's payment, locked. Raises NotFound."""
    payment = session.scalars(_OF_ORDER, {"order_id": order_id}).one_or_none()
    if payment is None:
        raise NotFound("This order has no payment.")
    return payment


# In one statement: as an object that is loaded, changed and written they were three.
_AUTHORISED = (
    text("""
    WITH payment AS (
        UPDATE payments.payment SET status = 'authorised', reference = :reference, updated_at = now()
        WHERE order_id = :order_id RETURNING id, amount
    )
    INSERT INTO payments.transaction (id, payment_id, kind, status, amount, reference)
    SELECT :transaction_id, id, 'authorise', 'succeeded', amount, :reference FROM payment RETURNING payment_id
""")
    .bindparams(bindparam("order_id", type_=Id("ord")), bindparam("transaction_id", type_=Id("txn")))
    .columns(payment_id=Id("pay"))
)


def authorised(session: Session, order_id: str, reference: str) -> str:
    """Records that the gateway holds the money under `reference`, and returns the payment's id."""
    values = {"order_id": order_id, "reference": reference, "transaction_id": new_id("txn")}
    payment_id: str = session.connection().execute(_AUTHORISED, values).scalar_one()
    return payment_id


def declined(session: Session, order_id: str, decline_code: str | None) -> None:
    """Records that the gateway said no."""
    payment = of_order(session, order_id)
    payment.status, payment.decline_code = "declined", decline_code
    _note(session, payment, "authorise", "declined", None)


def voided(session: Session, order_id: str, reference: str | None) -> None:
    """Records that the gateway holds no money for this order any more; `reference` None: it never did."""
    payment = of_order(session, order_id)
    if payment.status == "declined":
        return
    payment.status = "voided"
    payment.reference = payment.reference or reference
    if reference is not None:
        _note(session, payment, "void", "succeeded", reference)


_NOTE_EVENT = (
    insert(WebhookEvent)
    .values({name: bindparam(name) for name in ("id", "type", "reference")})
    .on_conflict_do_nothing()
    .returning(WebhookEvent.id)
)


def note_event(session: Session, event_id: str, type: str, reference: str | None) -> bool:
    """Notes an event of the gateway. False if it was known already."""
    row = {"id": event_id, "type": type, "reference": reference}
    return session.connection().scalar(_NOTE_EVENT, row) is not None


def transactions_of(session: Session, payment_id: str) -> list[Transaction]:
    """What the gateway did for a payment, oldest first."""
    query = select(Transaction).where(Transaction.payment_id == payment_id).order_by(Transaction.id)
    return list(session.scalars(query))


def _note(session: Session, payment: Payment, kind: str, status: str, reference: str | None) -> None:
    row: dict[str, Any] = {"payment_id": payment.id, "kind": kind, "status": status, "amount": payment.amount}
    session.connection().execute(insert(Transaction), {"id": new_id("txn"), "reference": reference, **row})
