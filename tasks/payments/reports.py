"""Steps of the payments service that ask a provider what has become of refunds, disputes and unanswered calls."""

from datetime import datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from durable import Run
from models import payments
from models.core.workflow_inputs import PaymentInput, SlotInput
from models.payments import ReportedDispute, ReportedRefund
from tasks.gateways.payments import provider
from tasks.payments.authorisation import service


class ReportRequest(TypedDict):
    """`unanswered`: pending transactions whose runs have ended. `since`: when the payment was opened (ISO 8601)."""

    payment_id: str
    order_id: str
    gateway: str
    reference: str
    since: str
    unanswered: list[str]


class Report(TypedDict):
    """`state` and `captured` of the payment, None and 0 unless a transaction was unanswered."""

    refunds: list[ReportedRefund]
    disputes: list[ReportedDispute]
    state: str | None
    captured: int


def _ask(request: ReportRequest, idempotency_key: str) -> Report:
    gateway, reference = provider(request["gateway"]), request["reference"]
    report: Report = {
        "refunds": [
            {"reference": given.reference, "attempt": given.attempt, "state": given.state, "reason": given.reason}
            for given in gateway.list_refunds(reference=reference)
        ],
        "disputes": [
            {
                "reference": one.reference,
                "amount": one.amount,
                "state": one.state,
                "reason": one.reason,
                "respond_by": one.respond_by.isoformat() if one.respond_by else None,
            }
            for one in gateway.list_disputes(reference=reference)
        ],
        "state": None,
        "captured": 0,
    }
    if request["unanswered"]:
        found = gateway.find(
            order_id=request["order_id"], payment_id=request["payment_id"], reference=reference,
            since=datetime.fromisoformat(request["since"]),
        )  # fmt: skip
        for made in found:
            if made.reference == reference:
                report["state"], report["captured"] = made.state, made.captured
    return report


def _record(session: Session, run: Run[PaymentInput], report: Report) -> dict[str, list[str]]:
    payment_id, unanswered = run.input["payment_id"], run.request(refresh)["unanswered"]
    changed = payments.record_report(session, payment_id, report["refunds"], report["disputes"])
    payments.settle_unanswered(session, payment_id, unanswered, report["state"], report["captured"])
    return {"changed": sorted({*changed, *unanswered})}


@service.external_step(call=_ask, record=_record, replayable=True)
def refresh(session: Session, run: Run[PaymentInput]) -> ReportRequest | None:
    """Asks the provider where the refunds and disputes of a payment stand, and records it."""
    payment = payments.get_payment(session, run.input["payment_id"])
    if payment.reference is None:
        return None
    return {
        "payment_id": payment.id, "order_id": payment.order_id, "gateway": payment.gateway,
        "reference": payment.reference, "since": payment.created_at.isoformat(),
        "unanswered": [one.id for one in payments.list_unanswered(session, payment.id)],
    }  # fmt: skip


@service.step
def follow_up(session: Session, run: Run[SlotInput]) -> dict[str, int]:
    """Starts an update of each payment that has waited for a report for too long."""
    return {"updates": payments.start_updates(session, run.input["slot"])}
