"""What can be refunded of a payment, and the status that follows from its transactions: both decided here alone."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.core.errors import Conflict
from models.payments.tables import OPEN_DISPUTE, PAYMENT_STATUS, Payment, Transaction


@dataclass(frozen=True)
class Balance:
    """Sums of a payment's transactions in minor units.

    `pending`: refunds that have not ended. `lost`: disputes that were lost. `disputed`: open disputes whose money can't
    be refunded, which leaves out inquiries. `is_disputed`: whether any dispute is open.
    """

    refunded: int
    pending: int
    lost: int
    disputed: int
    is_disputed: bool


def get_balance(session: Session, payment_id: str) -> Balance:
    """The sums of a payment, which the caller has locked if they matter."""
    query = select(Transaction.kind, Transaction.status, func.sum(Transaction.amount)).where(
        Transaction.payment_id == payment_id, Transaction.kind.in_(("refund", "dispute"))
    )
    sums = {(kind, status): int(amount) for kind, status, amount in session.execute(query.group_by("kind", "status"))}
    open_disputes = {status: sums[("dispute", status)] for status in OPEN_DISPUTE if ("dispute", status) in sums}
    return Balance(
        refunded=sums.get(("refund", "succeeded"), 0),
        pending=sums.get(("refund", "pending"), 0),
        lost=sums.get(("dispute", "lost"), 0),
        disputed=sum(amount for status, amount in open_disputes.items() if status != "inquiry"),
        is_disputed=bool(open_disputes),
    )


def refundable(session: Session, payment: Payment) -> int:
    """What can still be refunded, in minor units: what was captured, less refunds that succeeded or are pending, and
    less what disputes have taken back or may take back."""
    now = get_balance(session, payment.id)
    return max(0, payment.captured - now.refunded - now.pending - now.lost - now.disputed)


def refuse_if_disputed(session: Session, payment_id: str) -> None:
    """Raises Conflict `payment_disputed` while a dispute is open: the customer would get the money twice."""
    if get_balance(session, payment_id).disputed:
        raise Conflict(
            "The customer's bank has disputed this payment. A refund must wait for its decision.",
            code="payment_disputed",
        )


def settle(session: Session, payment: Payment) -> None:
    """Gives a locked payment, after any change of its transactions, what follows from them: `refunded` and status.

    Nothing is changed for one whose money is not held, or not any more.
    """
    if payment.status in ("pending", "action_required", "failed", "voided"):
        return
    now = get_balance(session, payment.id)
    payment.refunded = now.refunded
    status = _status(payment, now)
    if payment.status != status:
        PAYMENT_STATUS.move(payment, status)


def _status(payment: Payment, now: Balance) -> str:
    """The status of a payment whose money is or was held. A dispute that was lost has given the money back."""
    if now.is_disputed:
        return "disputed"
    if not payment.captured:
        return "authorised"
    back = now.refunded + now.lost
    if back:
        return "refunded" if back >= payment.captured else "partially_refunded"
    return "captured" if payment.captured >= payment.capturable else "partially_captured"
