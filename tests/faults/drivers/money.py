"""Starts captures and refunds, and the runs of what a provider reports later."""

import durable
from durable.ids import new_id
from models import orders, payments
from models.core.database import transaction
from tests.faults.drivers.registry import drives, find_reaction, numbers
from tests.faults.prepared import take


@drives("capture", "payments.capture")
def capture(refused_at: str | None = None) -> str:
    """Finance captures the payment of a confirmed order. It has lapsed at the gateway if it is to be refused."""
    order_id = take("capture", refused_at)
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        return str(orders.capture_payment(session, payment_id, None, owner=None).run_id)


@drives("refund", "payments.refund")
def refund(refused_at: str | None = None) -> str:
    """Finance refunds half of a captured payment, which is disputed at the gateway if it is to be refused."""
    order_id = take("refund", refused_at)
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        return str(payments.request_refund(session, payment_id, 1000, "Torn", owner=None).run_id)


@drives("payment_update")
def payment_update(refused_at: str | None = None) -> str:
    """The gateway reports that the refund of a captured payment has failed."""
    order_id = take("payment_update")
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        reference = payments.get_payment(session, payment_id).reference
        run_id = payments.follow_report(session, "stripe", f"evt_{order_id}", reference, None)
    return str(run_id)


@drives("payment_follow_up")
def payment_follow_up(refused_at: str | None = None) -> str:
    """No transaction is overdue; `payment_update` covers the updates."""
    slot = f"money-{next(numbers)}"
    with transaction() as session:
        return durable.start(session, "payment_follow_up", key=slot, input={"slot": slot})


@drives("refund_failed")
def refund_failed(refused_at: str | None = None) -> str:
    """A refund that was pending has failed."""
    return _report(take("refund_failed"), "refund_failed", failed=True)


@drives("dispute_opened")
def dispute_opened(refused_at: str | None = None) -> str:
    """The gateway reports a dispute."""
    return _report(take("dispute_opened"), "dispute_opened", dispute="needs_response")


@drives("dispute_closed")
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
        return find_reaction(session, workflow)


@drives("expiring_authorisations")
def expiring_authorisations(refused_at: str | None = None) -> str:
    """No authorisation ends soon; `authorisation_check` covers the checks."""
    slot = f"test-{next(numbers)}"
    with transaction() as session:
        return durable.start(session, "expiring_authorisations", key=slot, input={"slot": slot})


@drives("authorisation_check")
def authorisation_check(refused_at: str | None = None) -> str:
    """The payment of a confirmed order has lapsed."""
    order_id = take("authorisation_check")
    with transaction() as session:
        about = {"order_id": order_id, "payment_id": payments.find_first_payment(session, order_id)}
        return durable.start(session, "authorisation_check", key=order_id, input=about)


@drives("reconciliation")
def reconcile(refused_at: str | None = None) -> str:
    """A period without payments is reconciled, of which a forgotten authorisation is known already."""
    reconciliation_id, reference = new_id("rec"), take("reconciliation")
    found = {"kind": "forgotten_authorisation", "subject": reference, "reference": reference, "gateway": "stripe"}
    with transaction() as session:
        row = {"reconciliation_id": reconciliation_id, "order_id": new_id("ord"), "theirs": 500, **found}
        payments.add_differences(session, [row])
        about = {"day": "2001-01-01", "reconciliation_id": reconciliation_id}
        return durable.start(session, "reconciliation", key=reconciliation_id, input=about)
