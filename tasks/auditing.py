"""The step of the reports service that checks the shop's invariants. See workflows/audit.py."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from durable import Run
from models import payments
from models.core import audit_chain
from models.core.database import transaction
from models.core.errors import FileStoreDown, GatewayDown
from models.operations import audit
from models.operations.at_gateway import AT_GATEWAY
from tasks.gateways.payments import PROVIDERS
from tasks.reports import service
from tasks.stored_files import STORED, check_files


class Audited(TypedDict):
    """What an audit has found. `unchecked`: invariants that were not checked, and `silent` why."""

    ok: bool
    checked_at: str
    findings: list[dict[str, object]]
    unchecked: list[str]
    silent: str | None
    audit_log: str | None


@dataclass(frozen=True)
class Checked:
    """What an audit has found. `unchecked`: the invariants that could not be checked, and `silent` why, or None."""

    findings: Sequence[audit.Finding]
    unchecked: Sequence[str] = ()
    silent: str | None = None

    @property
    def holds(self) -> bool:
        """Whether every invariant that was checked holds."""
        return all(finding.ok for finding in self.findings)


def check_what_is_possible(*, examples: int | None = audit.EXAMPLES) -> Checked:
    """The shop's invariants, without those of a gateway or a store of pictures that does not respond.

    Takes time with the number of payments that the providers know. `examples`: how many violations of each are named;
    None: all. Raises OperationalError when the database is away.
    """
    unchecked, reasons, ledger, files = list[str](), list[str](), None, list[audit.Finding]()
    try:
        ledger = read_ledger()
    except GatewayDown as error:
        unchecked += [invariant.name for invariant in AT_GATEWAY]
        reasons.append(str(error))
    try:
        files = check_files(examples)
    except FileStoreDown as error:
        unchecked += STORED
        reasons.append(str(error))
    with transaction() as session:
        books = audit.audit(session, ledger, examples=examples)
    return Checked([*books, *files], unchecked, " ".join(" ".join(reasons).split()) or None)


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
    checked = check_what_is_possible()
    with transaction() as session:
        last = audit_chain.last_entry(session)
    return {
        "ok": checked.holds, "checked_at": datetime.now(UTC).isoformat(),
        "findings": [asdict(finding) for finding in checked.findings],
        "unchecked": list(checked.unchecked), "silent": checked.silent, "audit_log": last,
    }  # fmt: skip


def _record(session: Session, run: Run, found: Audited) -> Audited:
    return found


@service.external_step(call=_check, record=_record)
def check_invariants(session: Session, run: Run) -> dict[str, str]:
    """Compares the shop's books with each other and with the gateways'. The result is kept as that of the run."""
    return {"asked_by": run.id}
