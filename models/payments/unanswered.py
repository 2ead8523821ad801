"""Transactions and disputes that wait for a report, or whose run has ended before the provider's answer was recorded.

An operator may cancel a run whose call is under way. Its answer is discarded then, so the provider is asked.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

import durable
from durable.tables import RunRecord
from models.payments.queries import lock_payment
from models.payments.settling import abandon, settle_capture, settle_void
from models.payments.tables import OPEN_DISPUTE, Transaction

GRACE = timedelta(minutes=10)
"""How long after its run a call may still arrive at the provider; far more than `SHOP_GATEWAY_TIMEOUT`."""
PATIENCE = timedelta(hours=1)
"""How long a pending transaction or an open dispute waits for a report before the provider is asked."""
BATCH = 1000

_NEVER_ASKED = {"code": "not_asked", "detail": "The run ended before the provider was asked."}
_IS_PENDING = Transaction.status == "pending"
_RUN_HAS_ENDED = or_(RunRecord.id.is_(None), RunRecord.finished_at < func.now() - GRACE)
_IS_UNANSWERED = and_(_IS_PENDING, or_(Transaction.reference.is_not(None), _RUN_HAS_ENDED))
_IS_OPEN_DISPUTE = and_(Transaction.kind == "dispute", Transaction.status.in_(OPEN_DISPUTE))


def list_unanswered(session: Session, payment_id: str) -> list[Transaction]:
    """The pending transactions of a payment whose run has ended, and which have no reference of their own."""
    query = select(Transaction).outerjoin(RunRecord, RunRecord.id == Transaction.run_id)
    found = query.where(Transaction.payment_id == payment_id, _IS_PENDING, Transaction.reference.is_(None))
    return list(session.scalars(found.where(_RUN_HAS_ENDED).order_by(Transaction.id)))


def start_updates(session: Session, slot: str) -> int:
    """Starts a `payment_update` for each payment with a transaction that has been pending, or a dispute that has been
    open, for PATIENCE. Returns how many; of each, the oldest BATCH."""
    overdue = dict.fromkeys([*session.scalars(_overdue(_IS_UNANSWERED)), *session.scalars(_overdue(_IS_OPEN_DISPUTE))])
    for payment_id in overdue:
        durable.start(session, "payment_update", key=f"{slot}:{payment_id}", input={"payment_id": payment_id})
    return len(overdue)


def _overdue(condition: ColumnElement[bool]) -> Select[str]:
    query = select(Transaction.payment_id).outerjoin(RunRecord, RunRecord.id == Transaction.run_id)
    waiting = query.where(condition, Transaction.created_at < func.now() - PATIENCE)
    return waiting.group_by(Transaction.payment_id).order_by(func.min(Transaction.created_at)).limit(BATCH)


def settle_unanswered(
    session: Session, payment_id: str, transaction_ids: Sequence[str], state: str | None, captured: int
) -> None:
    """Settles these transactions by the state of their payment at the provider; refunds were found before, or not made.

    `state` None: the provider does not know the payment any more, so it holds nothing.
    """
    payment = lock_payment(session, payment_id)
    for transaction_id in transaction_ids:
        asked = session.get_one(Transaction, transaction_id)
        session.refresh(asked)
        if asked.status != "pending" or asked.reference is not None:
            continue
        if asked.kind == "capture" and captured:
            settle_capture(session, asked.id, captured, payment.reference)
        elif asked.kind == "void" and state not in ("authorised", "captured", "processing", "requires_action"):
            settle_void(session, asked.id, payment.reference)
        else:
            abandon(session, asked.id, _NEVER_ASKED)
