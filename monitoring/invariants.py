"""The shop's audit; the API and the `shop` command share it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from models.core.database import transaction
from models.core.errors import GatewayDown
from models.operations import audit
from models.operations.at_gateway import AT_GATEWAY
from tasks.auditing import read_ledger
from tasks.stored_files import check_files
from telemetry import metrics
from telemetry.metrics import of


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
    """The shop's invariants; without those with the gateway if it does not respond. Raises OperationalError."""
    try:
        return Checked(check_invariants(examples=examples))
    except GatewayDown as error:
        names = [invariant.name for invariant in AT_GATEWAY]
        return Checked(check_local_invariants(examples=examples), names, " ".join(str(error).split()))


def check_invariants(*, examples: int | None = audit.EXAMPLES) -> list[audit.Finding]:
    """The shop's invariants, checked now. Takes time with the number of payments that the providers know.

    `examples`: how many violations of each are named; None: all. Raises GatewayDown, and OperationalError when the
    database is away.
    """
    ledger = read_ledger()
    with transaction() as session:
        books = audit.audit(session, ledger, examples=examples)
    return _measured([*books, *check_files(examples)])


def check_local_invariants(*, examples: int | None = audit.EXAMPLES) -> list[audit.Finding]:
    """The invariants of the shop's own books alone. Raises OperationalError when the database is away."""
    with transaction() as session:
        books = audit.audit(session, None, examples=examples)
    return _measured([*books, *check_files(examples)])


def _measured(findings: list[audit.Finding]) -> list[audit.Finding]:
    for finding in findings:
        of(metrics.AUDIT_BROKEN, finding.name).set(not finding.ok)
    of(metrics.AUDITED_AT, "ok" if all(finding.ok for finding in findings) else "broken").set(time.time())
    return findings
