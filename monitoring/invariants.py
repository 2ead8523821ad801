"""The shop's audit; the API and the `shop` command share it."""

import time

from models.core.database import transaction
from models.operations import audit
from tasks.auditing import read_ledger
from telemetry import metrics
from telemetry.metrics import of


def check_invariants(*, examples: int | None = audit.EXAMPLES) -> list[audit.Finding]:
    """The shop's invariants, checked now. Takes time with the number of payments that the providers know.

    `examples`: how many violations of each are named; None: all. Raises GatewayDown, and OperationalError when the
    database is away.
    """
    ledger = read_ledger()
    with transaction() as session:
        return _measured(audit.audit(session, ledger, examples=examples))


def check_local_invariants(*, examples: int | None = audit.EXAMPLES) -> list[audit.Finding]:
    """The invariants of the shop's own books alone. Raises OperationalError when the database is away."""
    with transaction() as session:
        return _measured(audit.audit(session, None, examples=examples))


def _measured(findings: list[audit.Finding]) -> list[audit.Finding]:
    for finding in findings:
        of(metrics.AUDIT_BROKEN, finding.name).set(not finding.ok)
    of(metrics.AUDITED_AT, "ok" if all(finding.ok for finding in findings) else "broken").set(time.time())
    return findings
