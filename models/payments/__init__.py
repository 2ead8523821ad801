"""Payments and their transactions: what a provider was asked for an order, and what it answered."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from durable import transitions
from durable.ids import Id, new_id
from models.core.errors import NotFound
from models.payments.tables import GATEWAY, PAYMENT_STATUS, Payment, Transaction, WebhookEvent

__all__ = [
    "GATEWAY",
    "PAYMENT_STATUS",
    "Payment",
    "Transaction",
    "WebhookEvent",
    "find_first_payment",
    "get_authorisation_request",
    "list_newest_payments",
    "list_transactions",
    "lock_payment",
    "open_payment",
    "record_authorisation",
    "record_decline",
    "record_void",
    "record_webhook_event",
]


_OPEN = insert(Payment)


def open_payment(session: Session, order_id: str, amount: int, currency: str, method: str) -> str:
    """Opens a payment that an order waits for, and returns its id. `amount` in minor units."""
    payment_id = new_id("pay")
    row = {"id": payment_id, "order_id": order_id, "amount": amount, "currency": currency, "method": method}
    session.connection().execute(_OPEN, row)
    return payment_id


_REQUEST = select(
    Payment.id.label("payment_id"), Payment.order_id, Payment.amount, Payment.currency, Payment.method,
    Payment.gateway, Payment.created_at.label("since"),
).where(Payment.id == bindparam("payment_id"))  # fmt: skip


def get_authorisation_request(session: Session, payment_id: str) -> dict[str, Any]:
    """What a provider is to hold: {payment_id, order_id, amount, currency, method, gateway, since}.

    `since` is when the payment was opened (ISO 8601): the provider was asked later.
    """
    row = session.connection().execute(_REQUEST, {"payment_id": payment_id}).one()
    return {**row._mapping, "since": row.since.isoformat()}


def lock_payment(session: Session, payment_id: str) -> Payment:
    """The payment, locked. Raises NotFound."""
    payment = session.get(Payment, payment_id, with_for_update=True)
    if payment is None:
        raise NotFound("There is no such payment.")
    return payment


def find_first_payment(session: Session, order_id: str) -> str:
    """The id of the payment with which the order was placed. Raises NotFound."""
    oldest = select(Payment.id).where(Payment.order_id == order_id).order_by(Payment.id).limit(1)
    payment_id = session.scalars(oldest).one_or_none()
    if payment_id is None:
        raise NotFound("This order has no payment.")
    return payment_id


_NEWEST = (
    select(Payment)
    .where(Payment.order_id.in_(bindparam("order_ids", expanding=True)))
    .ext(distinct_on(Payment.order_id))
    .order_by(Payment.order_id, Payment.id.desc())
)


def list_newest_payments(session: Session, order_ids: Sequence[str]) -> dict[str, Payment]:
    """Order id → the payment that was opened for it last."""
    return {payment.order_id: payment for payment in session.scalars(_NEWEST, {"order_ids": list(order_ids)})}


# In one statement: as an object that is loaded, changed and written they were three.
_AUTHORISED = text(f"""
    WITH payment AS (
        UPDATE payments.payment SET status = 'authorised', reference = :reference, updated_at = now()
        WHERE id = :payment_id AND {PAYMENT_STATUS.may_become("authorised")} RETURNING id, amount
    )
    INSERT INTO payments.transaction (id, payment_id, kind, status, amount, reference)
    SELECT :transaction_id, id, 'authorise', 'succeeded', amount, :reference FROM payment RETURNING payment_id
""").bindparams(  # noqa: S608, our own words
    bindparam("payment_id", type_=Id("pay")), bindparam("transaction_id", type_=Id("txn"))
)


def record_authorisation(session: Session, payment_id: str, reference: str) -> None:
    """Records that the provider holds the money under `reference`. Raises NotFound and Conflict `wrong_state`."""
    values = {"payment_id": payment_id, "reference": reference, "transaction_id": new_id("txn")}
    if session.connection().execute(_AUTHORISED, values).one_or_none() is None:
        raise PAYMENT_STATUS.refusal(lock_payment(session, payment_id).status)


def record_decline(session: Session, payment_id: str, decline_code: str | None) -> None:
    """Records that the provider said no. Raises NotFound and Conflict `wrong_state`."""
    payment = lock_payment(session, payment_id)
    PAYMENT_STATUS.move(payment, "declined")
    payment.decline_code = decline_code
    _add_transaction(session, payment, "authorise", "declined", None)


def record_void(session: Session, payment_id: str, reference: str | None) -> None:
    """Records that the provider holds no money for this payment any more; `reference` None: it never did.

    Nothing is changed for a payment that was declined or voided before. Raises NotFound and Conflict `wrong_state`.
    """
    payment = lock_payment(session, payment_id)
    if payment.status in ("declined", "voided"):
        return
    PAYMENT_STATUS.move(payment, "voided")
    payment.reference = payment.reference or reference
    if reference is not None:
        _add_transaction(session, payment, "void", "succeeded", reference)


def _add_transaction(session: Session, payment: Payment, kind: str, status: str, reference: str | None) -> None:
    row: dict[str, Any] = {"payment_id": payment.id, "kind": kind, "status": status, "amount": payment.amount}
    session.connection().execute(insert(Transaction), {"id": new_id("txn"), "reference": reference, **row})


_NEW_EVENT = (
    insert(WebhookEvent)
    .values({name: bindparam(name) for name in ("id", "type", "reference")})
    .on_conflict_do_nothing()
    .returning(WebhookEvent.id)
)


def record_webhook_event(
    session: Session, event_id: str, type: str, reference: str | None, order_id: str | None
) -> None:
    """Records an event that the provider has sent, and wakes the checkout of its order; a second call does nothing.

    What it says is never taken at its word: it only wakes a checkout that waits for its next attempt, which then asks
    the provider itself.
    """
    row = {"id": event_id, "type": type, "reference": reference}
    is_new = session.connection().scalar(_NEW_EVENT, row) is not None
    if is_new and order_id is not None:
        transitions.wake_pausing(session, "checkout", order_id)


def list_transactions(session: Session, payment_id: str) -> list[Transaction]:
    """What the provider did for a payment, oldest first."""
    query = select(Transaction).where(Transaction.payment_id == payment_id).order_by(Transaction.id)
    return list(session.scalars(query))
