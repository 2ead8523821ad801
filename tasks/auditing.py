"""The step of the reports service that checks the shop's invariants. See workflows/audit.py."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from durable import Run
from models import payments
from models.core import audit_chain
from models.core.database import transaction
from models.core.errors import GatewayDown
from models.operations import audit
from models.operations.at_gateway import AT_GATEWAY
from tasks.gateways.payments import PROVIDERS
from tasks.reports import service
from tasks.stored_files import check_files


class Audited(TypedDict):
    """What an audit has found. `unchecked`: invariants that were not checked, because a gateway did not respond."""

    ok: bool
    checked_at: str
    findings: list[dict[str, object]]
    unchecked: list[str]
    silent: str | None
    audit_log: str | None


def read_ledger() -> audit.Ledger:
    """All payments that the providers know. Raises GatewayDown."""
    with transaction() as session:
        asked_at = session.scalars(select(func.clock_timestamp())).one()
        references = {
            name: payments.list_references(session, name)
            for name, provider in PROVIDERS.items()
            if not provider.can_list
        }
    known = [
        audit.ProviderPayment(
            made.reference,
            made.order_id,
            made.payment_id,
            made.state,
            made.amount,
            made.currency,
            made.captured,
            made.refunded,
        )
        for name, provider in PROVIDERS.items()
        for made in provider.list_since(known=references.get(name, ()))
    ]
    return audit.Ledger(asked_at, known)


def _check(request: object, idempotency_key: str) -> Audited:
    """An attempt that is repeated checks again: it only reads."""
    ledger, silent = None, None
    try:
        ledger = read_ledger()
    except GatewayDown as error:
        silent = " ".join(str(error).split())
    with transaction() as session:
        books = audit.audit(session, ledger)
    findings = [*books, *check_files()]
    with transaction() as session:
        last = audit_chain.last_entry(session)
    return {
        "ok": all(finding.ok for finding in findings), "checked_at": datetime.now(UTC).isoformat(),
        "findings": [asdict(finding) for finding in findings],
        "unchecked": [invariant.name for invariant in AT_GATEWAY] if silent else [], "silent": silent,
        "audit_log": last,
    }  # fmt: skip


def _record(session: Session, run: Run, found: Audited) -> Audited:
    return found


@service.external_step(call=_check, record=_record)
def check_invariants(session: Session, run: Run) -> dict[str, str]:
    """Compares the shop's books with each other and with the gateways'. The result is kept as that of the run."""
    return {"asked_by": run.id}
