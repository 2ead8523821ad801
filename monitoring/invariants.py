"""The shop's audit; the API and the `shop` command share it."""

import time

from models.operations import audit
from tasks import auditing
from telemetry import metrics
from telemetry.metrics import of


def check_what_is_possible(*, examples: int | None = audit.EXAMPLES) -> auditing.Checked:
    """As `auditing.check_what_is_possible`, also as metrics."""
    checked = auditing.check_what_is_possible(examples=examples)
    for finding in checked.findings:
        of(metrics.AUDIT_BROKEN, finding.name).set(not finding.ok)
    of(metrics.AUDITED_AT, "ok" if checked.holds else "broken").set(time.time())
    return checked
