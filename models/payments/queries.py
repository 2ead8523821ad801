"""What is known of payments and their transactions."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from sqlalchemy import Connection, ScalarSelect, bindparam, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.core.errors import NotFound
from models.payments.tables import Payment, Transaction

_REQUEST = select(
    Payment.id.label("payment_id"), Payment.order_id, Payment.amount, Payment.currency, Payment.method,
    Payment.gateway, Payment.return_url, Payment.created_at.label("since"),
).where(Payment.id == bindparam("payment_id"))  # fmt: skip


class HoldRequest(TypedDict):
    """What a provider is to hold. `since` is when the payment was opened (ISO 8601): the provider was asked later.

    `return_url`: only if the customer is there to confirm the payment. `user_id`: the customer, of whom the provider
    keeps a note. Requests that were kept by earlier releases do not have all of them.
    """

    payment_id: NotRequired[str]
    order_id: str
    amount: int
    currency: str
    method: str
    gateway: NotRequired[str]
    return_url: NotRequired[str]
    user_id: NotRequired[str]
    since: str


def get_authorisation_request(session: Session, payment_id: str) -> HoldRequest:
    """What a provider is to hold for this payment."""
    row = session.connection().execute(_REQUEST, {"payment_id": payment_id}).one()
    request: HoldRequest = {
        "payment_id": row.payment_id, "order_id": row.order_id, "amount": row.amount, "currency": row.currency,
        "method": row.method, "gateway": row.gateway, "since": row.since.isoformat(),
    }  # fmt: skip
    if row.return_url is not None:
        request["return_url"] = row.return_url
    return request


def get_payment(session: Session, payment_id: str) -> Payment:
    """The payment. Raises NotFound."""
    payment = session.get(Payment, payment_id)
    if payment is None:
        raise NotFound("There is no such payment.")
    return payment


_NEXT_ACTION = select(Payment.next_action).where(
    Payment.id == bindparam("payment_id"), Payment.status == "action_required"
)


def find_next_action(connection: Connection | Session, payment_id: str) -> dict[str, Any] | None:
    """What the customer must do to confirm a payment, as the API returns it; None: nothing."""
    return connection.execute(_NEXT_ACTION, {"payment_id": payment_id}).scalar_one_or_none()


def lock_payment(session: Session, payment_id: str) -> Payment:
    """The payment, locked. Raises NotFound."""
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
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


def find_by_reference(session: Session, gateway: str, reference: str) -> str | None:
    """The id of the payment that a provider knows by this reference."""
    query = select(Payment.id).where(Payment.gateway == gateway, Payment.reference == reference)
    return session.scalars(query).one_or_none()


_NEWEST = (
    select(Payment)
    .where(Payment.order_id.in_(bindparam("order_ids", expanding=True)))
    .ext(distinct_on(Payment.order_id))
    .order_by(Payment.order_id, Payment.id.desc())
)


def list_newest_payments(session: Session, order_ids: Sequence[str]) -> dict[str, Payment]:
    """Order id → the payment that was opened for it last."""
    return {payment.order_id: payment for payment in session.scalars(_NEWEST, {"order_ids": list(order_ids)})}


def newest_status(order_id: InstrumentedAttribute[str]) -> ScalarSelect[str]:
    """In a statement: the status of the payment that was opened last for an order."""
    query = select(Payment.status).where(Payment.order_id == order_id).order_by(Payment.id.desc()).limit(1)
    return query.scalar_subquery()


def list_references(session: Session, gateway: str) -> list[str]:
    """The references of a provider's payments, newest first."""
    query = select(Payment.reference).where(Payment.gateway == gateway, Payment.reference.is_not(None))
    return [reference for reference in session.scalars(query.order_by(Payment.id.desc())) if reference]


def lock_refunds(session: Session, order_id: str) -> int:
    """What an order's customer has got or gets back, in minor units: refunds that have succeeded or are pending, and
    goods that were cancelled before the capture. Locks its payments."""
    of_order = select(Payment.id, Payment.cancelled).where(Payment.order_id == order_id).order_by(Payment.id)
    locked = session.execute(of_order.with_for_update()).all()
    query = select(func.coalesce(func.sum(Transaction.amount), 0)).where(
        Transaction.payment_id.in_([row.id for row in locked]), Transaction.kind == "refund",
        Transaction.status.in_(("pending", "succeeded")),
    )  # fmt: skip
    return int(session.scalars(query).one()) + sum(int(row.cancelled) for row in locked)


def list_transactions(session: Session, payment_id: str) -> list[Transaction]:
    """What the provider did for a payment, oldest first."""
    query = select(Transaction).where(Transaction.payment_id == payment_id).order_by(Transaction.id)
    return list(session.scalars(query))
