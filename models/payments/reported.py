"""What a provider reports of refunds and disputes after they were asked for, or of its own accord.

Reports may come late, twice, in any order, and before the provider's answer to the shop was recorded. A report never
takes a refund or a dispute back to an earlier state.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable.ids import new_id
from models.core import event_log
from models.core.events import DisputeClosed, DisputeOpened, PaymentRefunded, RefundFailed
from models.payments.balance import settle
from models.payments.queries import list_transactions, lock_payment
from models.payments.tables import OPEN_DISPUTE, Payment, Transaction

_REFUNDS = ("pending", "succeeded", "failed")
"""The states of a refund in their order: one that has succeeded may fail, one that has failed has ended."""
_DISPUTES = ("inquiry", "needs_response", "under_review", "lost", "won")


class ReportedRefund(TypedDict):
    """`attempt`: the idempotency key under which the shop asked for it. `reason`: why it has failed."""

    reference: str
    attempt: str | None
    state: str
    reason: str | None


class TransactionFacts(TypedDict):
    payment_id: str
    order_id: str
    transaction_id: str
    amount: int
    currency: str


class ReportedDispute(TypedDict):
    """`amount` in minor units; `state` is one of the statuses of disputes. `respond_by`: ISO 8601; reports that were
    kept by earlier releases do not have it."""

    reference: str
    amount: int
    state: str
    reason: str | None
    respond_by: NotRequired[str | None]


def record_report(
    session: Session, payment_id: str, refunds: Sequence[ReportedRefund], disputes: Sequence[ReportedDispute]
) -> list[str]:
    """Records where the refunds and disputes of a payment stand at its provider. Returns the transactions changed.

    Refunds that the shop did not ask for are left to the reconciliation. Raises NotFound.
    """
    payment = lock_payment(session, payment_id)
    known = [one for one in list_transactions(session, payment_id) if one.kind in ("refund", "dispute")]
    changed = [*_record_refunds(session, payment, known, refunds), *_record_disputes(session, payment, known, disputes)]
    session.flush()
    if changed:
        settle(session, payment)
    return changed


def advance_refund(
    session: Session, payment: Payment, asked: Transaction, reference: str | None, state: str, reason: str | None = None
) -> bool:
    """Records the state of a refund, unless a later one is known. Whether anything has changed.

    One that was given up without an answer (failed, no reference) can turn out to have been made.
    """
    given_up = asked.status == "failed" and asked.reference is None
    if not given_up and _REFUNDS.index(state) < _REFUNDS.index(asked.status):
        return False
    if (asked.status, asked.reference) == (state, reference):
        return False
    asked.status, asked.reference = state, reference
    asked.error = {"code": "refund_failed", "detail": reason or "The refund has failed."} if state == "failed" else None
    if state == "failed":
        about = {"payment_id": payment.id, "order_id": payment.order_id, "transaction_id": asked.id}
        event_log.emit(session, RefundFailed(**about))
    if state == "succeeded":
        event_log.emit(session, PaymentRefunded(**facts(asked, payment)))
    session.flush()
    return True


def facts(done: Transaction, payment: Payment) -> TransactionFacts:
    """The payload of the events about money that has moved."""
    return {
        "payment_id": payment.id, "order_id": payment.order_id, "transaction_id": done.id, "amount": done.amount,
        "currency": payment.currency,
    }  # fmt: skip


def _record_refunds(
    session: Session, payment: Payment, known: Sequence[Transaction], refunds: Sequence[ReportedRefund]
) -> list[str]:
    ours = [one for one in known if one.kind == "refund"]
    changed = []
    # What has failed comes first: what has succeeded since may need its money.
    for report in sorted(refunds, key=lambda one: _REFUNDS.index(one["state"]), reverse=True):
        run_id = (report["attempt"] or "").partition(":")[0]
        asked = next((one for one in ours if one.reference == report["reference"]), None) or next(
            (one for one in ours if one.reference is None and one.run_id == run_id), None
        )
        if asked and advance_refund(session, payment, asked, report["reference"], report["state"], report["reason"]):
            changed.append(asked.id)
    return changed


def _record_disputes(
    session: Session, payment: Payment, known: Sequence[Transaction], disputes: Sequence[ReportedDispute]
) -> list[str]:
    ours = {one.reference: one for one in known if one.kind == "dispute"}
    changed = []
    for report in disputes:
        dispute, before = ours.get(report["reference"]), "won"
        until = report.get("respond_by")
        respond_by = datetime.fromisoformat(until) if until else None
        if dispute is None:
            dispute = Transaction(
                id=new_id("txn"), payment_id=payment.id, kind="dispute", status=report["state"],
                reference=report["reference"], amount=report["amount"], respond_by=respond_by,
            )  # fmt: skip
            session.add(dispute)
        elif _DISPUTES.index(report["state"]) < _DISPUTES.index(dispute.status):
            continue
        elif report["state"] == dispute.status:
            dispute.respond_by = respond_by or dispute.respond_by  # the provider may give more time
            continue
        else:
            before, dispute.status, dispute.amount = dispute.status, report["state"], report["amount"]
            dispute.respond_by = respond_by
        if report["reason"]:
            dispute.error = {"code": "disputed", "detail": report["reason"]}
        session.flush()
        _announce(session, payment, dispute, was_open=before in OPEN_DISPUTE)
        changed.append(dispute.id)
    return changed


def _announce(session: Session, payment: Payment, dispute: Transaction, *, was_open: bool) -> None:
    about = {"payment_id": payment.id, "order_id": payment.order_id, "transaction_id": dispute.id}
    if dispute.status not in OPEN_DISPUTE:
        event_log.emit(session, DisputeClosed(**about))
    elif not was_open:
        event_log.emit(session, DisputeOpened(**about))
