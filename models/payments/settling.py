"""Captures and refunds: requested under the payment's lock, and settled when the provider has responded."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models.core import event_log
from models.core.errors import Conflict, GatewayDown
from models.core.events import PaymentCaptured
from models.payments.balance import refundable, refuse_if_disputed, settle
from models.payments.queries import lock_payment
from models.payments.reported import advance_refund, facts
from models.payments.tables import PAYMENT_STATUS, Payment, Transaction


def request_capture(session: Session, payment_id: str, amount: int | None, *, owner: str | None) -> Transaction:
    """Starts a `capture` of `amount` (minor units), by default all but what was cancelled. The rest is released.

    Returns its pending transaction. Raises NotFound, Conflict `wrong_state` unless the money is authorised,
    `capture_in_progress` with `task_id`, and `amount_too_large` with `available`.
    """
    payment = lock_payment(session, payment_id)
    pending = find_pending(session, payment_id, "capture")
    if pending is not None:
        detail = "This payment is already being captured."
        raise Conflict(detail, code="capture_in_progress", task_id=pending.run_id)
    if payment.status != "authorised":
        raise PAYMENT_STATUS.refusal(payment.status)
    _check(payment.capturable, amount)
    return _request(session, payment, "capture", payment.capturable if amount is None else amount, owner, {})


def request_refund(
    session: Session, payment_id: str, amount: int | None, reason: str, *, owner: str | None
) -> Transaction:
    """Starts a `refund` of `amount` (minor units), by default all that can still be refunded.

    Returns its pending transaction. Raises NotFound, Conflict `wrong_state` if nothing was captured,
    `payment_disputed` while a dispute is open, and `amount_too_large` with `available` if less is left.
    """
    payment = lock_payment(session, payment_id)
    if payment.captured == 0:
        raise PAYMENT_STATUS.refusal(payment.status)
    refuse_if_disputed(session, payment_id)
    left = refundable(session, payment)
    _check(left, amount)
    return _request(session, payment, "refund", left if amount is None else amount, owner, {"reason": reason})


def open_capture(session: Session, payment_id: str, run_id: str) -> str | None:
    """Opens the capture of all money but what was cancelled, and returns its transaction's id. None: it is captured.

    Raises GatewayDown while another capture is pending, and Conflict `wrong_state` if no money is authorised.
    """
    payment = lock_payment(session, payment_id)
    if find_pending(session, payment_id, "capture"):
        raise GatewayDown("A capture of this payment is pending.")
    if payment.captured or payment.status == "captured":  # the payment of a replacement captures nothing
        return None
    if payment.status != "authorised":
        raise PAYMENT_STATUS.refusal(payment.status)
    return _open(session, payment, "capture", payment.capturable, run_id).id


def request_return(session: Session, payment_id: str, run_id: str) -> str | None:
    """Opens the void or the refund of all money of a cancelled order's payment, and returns its transaction's id.

    None: there is nothing to give back, or all of it is on its way. Raises GatewayDown while the provider has not
    answered a capture or a refund.
    """
    payment = lock_payment(session, payment_id)
    if find_pending(session, payment_id, "capture") or find_unanswered_refund(session, payment_id):
        raise GatewayDown("A capture or a refund of this payment was not answered yet.")
    if payment.status == "authorised":
        return _open(session, payment, "void", payment.amount, run_id).id
    left = refundable(session, payment)
    return _open(session, payment, "refund", left, run_id).id if left else None


def open_refund(session: Session, payment_id: str, amount: int, run_id: str) -> Transaction | None:
    """Opens a refund that was decided before, of at most what is left by now. None: nothing is left.

    Raises GatewayDown while the provider has not answered another refund.
    """
    payment = lock_payment(session, payment_id)
    if find_unanswered_refund(session, payment_id):
        raise GatewayDown("A refund of this payment was not answered yet.")
    amount = min(amount, refundable(session, payment))
    return _open(session, payment, "refund", amount, run_id) if amount else None


def settle_void(session: Session, transaction_id: str, reference: str | None) -> None:
    """Records that the provider has released the money."""
    done, payment = _lock(session, transaction_id)
    done.status, done.reference = "succeeded", reference
    PAYMENT_STATUS.move(payment, "voided")


def find_pending(session: Session, payment_id: str, kind: str) -> Transaction | None:
    """The oldest pending transaction of this kind, if any."""
    query = select(Transaction).where(
        Transaction.payment_id == payment_id, Transaction.kind == kind, Transaction.status == "pending"
    )
    return session.scalars(query.order_by(Transaction.id).limit(1)).one_or_none()


def find_unanswered_refund(session: Session, payment_id: str) -> Transaction | None:
    """A refund that the provider was or will be asked for, and has not answered, if any."""
    query = select(Transaction).where(
        Transaction.payment_id == payment_id, Transaction.kind == "refund", Transaction.status == "pending",
        Transaction.reference.is_(None),
    )  # fmt: skip
    return session.scalars(query.limit(1)).one_or_none()


def settle_capture(session: Session, transaction_id: str, amount: int, reference: str | None) -> Payment:
    """Records that the provider has captured this amount."""
    done, payment = _lock(session, transaction_id)
    done.status, done.amount, done.reference = "succeeded", amount, reference
    payment.captured = amount
    session.flush()
    settle(session, payment)
    event_log.emit(session, PaymentCaptured(**facts(done, payment)))
    return payment


def settle_refund(session: Session, transaction_id: str, reference: str | None, state: str) -> Payment:
    """Records the provider's answer to a refund: `succeeded`, `pending` or `failed`. A report may have been quicker."""
    asked = session.get_one(Transaction, transaction_id)
    payment = lock_payment(session, asked.payment_id)
    session.refresh(asked)
    advance_refund(session, payment, asked, reference, state)
    settle(session, payment)
    return payment


def settle_failure(session: Session, transaction_id: str, error: dict[str, Any]) -> None:
    """Records that the provider has refused a capture or a refund, with the reason {code, detail}."""
    done, _ = _lock(session, transaction_id)
    done.status, done.error = "failed", error


def abandon(session: Session, transaction_id: str, error: dict[str, Any]) -> None:
    """Records that the provider was never asked, with the reason. Nothing is changed if it has answered or refused."""
    asked = session.get_one(Transaction, transaction_id)
    lock_payment(session, asked.payment_id)
    session.refresh(asked)
    if asked.status == "pending" and asked.reference is None:
        asked.status, asked.error = "failed", error


def get_transaction(session: Session, transaction_id: str) -> Transaction:
    """The transaction."""
    return session.get_one(Transaction, transaction_id)


def _lock(session: Session, transaction_id: str) -> tuple[Transaction, Payment]:
    done = session.get_one(Transaction, transaction_id)
    payment = lock_payment(session, done.payment_id)
    session.refresh(done)
    if done.status != "pending":
        raise Conflict(f"This {done.kind} has {done.status}.", code="wrong_state", current=done.status, possible=[])
    return done, payment


def _check(available: int, amount: int | None) -> None:
    if available == 0 or (amount or 0) > available:
        raise Conflict("The amount is larger than what is left.", code="amount_too_large", available=available)


def _request(
    session: Session, payment: Payment, kind: str, amount: int, owner: str | None, more: dict[str, str]
) -> Transaction:
    transaction_id = new_id("txn")
    about = {"payment_id": payment.id, "transaction_id": transaction_id, "order_id": payment.order_id, **more}
    run_id = durable.start(session, kind, key=transaction_id, input=about, owner=owner)
    return _open(session, payment, kind, amount, run_id, transaction_id)


def _open(
    session: Session, payment: Payment, kind: str, amount: int, run_id: str, transaction_id: str | None = None
) -> Transaction:
    opened = Transaction(
        id=transaction_id or new_id("txn"), payment_id=payment.id, kind=kind, status="pending", amount=amount,
        run_id=run_id,
    )  # fmt: skip
    session.add(opened)
    session.flush()
    return opened
