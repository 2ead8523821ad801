"""Starts captures and refunds, and the runs of what a provider reports later."""

from itertools import count

from sqlalchemy import select

import durable
from durable.tables import RunRecord
from models import orders, payments
from models.core.database import transaction
from tests.faults.prepared import take

_numbers = count(1)


def capture(refused_at: str | None = None) -> str:
    """Finance captures the payment of a confirmed order. It has lapsed at the gateway if it is to be refused."""
    order_id = take("capture", refused_at)
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        return str(orders.capture_payment(session, payment_id, None, owner=None).run_id)


def refund(refused_at: str | None = None) -> str:
    """Finance refunds half of a captured payment, which is disputed at the gateway if it is to be refused."""
    order_id = take("refund", refused_at)
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        return str(payments.request_refund(session, payment_id, 1000, "Torn", owner=None).run_id)


def payment_update(refused_at: str | None = None) -> str:
    """The gateway reports that the refund of a captured payment has failed."""
    order_id = take("payment_update")
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        reference = payments.get_payment(session, payment_id).reference
        run_id = payments.follow_report(session, "stripe", f"evt_{order_id}", reference, None)
    return str(run_id)


def payment_follow_up(refused_at: str | None = None) -> str:
    """No transaction is overdue; `payment_update` covers the updates."""
    slot = f"money-{next(_numbers)}"
    with transaction() as session:
        return durable.start(session, "payment_follow_up", key=slot, input={"slot": slot})


def refund_failed(refused_at: str | None = None) -> str:
    """A refund that was pending has failed."""
    return _report(take("refund_failed"), "refund_failed", failed=True)


def dispute_opened(refused_at: str | None = None) -> str:
    """The gateway reports a dispute."""
    return _report(take("dispute_opened"), "dispute_opened", dispute="needs_response")


def dispute_closed(refused_at: str | None = None) -> str:
    """The gateway reports a dispute that was won before the shop has heard of it."""
    return _report(take("dispute_closed"), "dispute_closed", dispute="won")


def _report(order_id: str, workflow: str, *, failed: bool = False, dispute: str | None = None) -> str:
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        refunds: list[payments.ReportedRefund] = [
            {"reference": str(one.reference), "attempt": None, "state": "failed", "reason": "lost_or_stolen_card"}
            for one in payments.list_transactions(session, payment_id) if failed and one.kind == "refund"
        ]  # fmt: skip
        about: payments.ReportedDispute = {
            "reference": f"dp_{order_id}", "amount": 1999, "state": dispute or "", "reason": "fraudulent",
        }  # fmt: skip
        payments.record_report(session, payment_id, refunds, [about] if dispute else [])
        started = select(RunRecord.id).where(RunRecord.workflow == workflow).order_by(RunRecord.id.desc())
        return session.scalars(started.limit(1)).one()
