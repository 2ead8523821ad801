"""What requires an operator, reported once when it begins and once when it is over.

The state of an incident is its latest event, `incident.opened` or `incident.resolved`; each starts a mail.
"""

import logging
import time
from collections.abc import Callable, Mapping

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import workflows  # noqa: F401, its after-commit hook publishes the mails: dispatchers may be what has failed
from durable.dispatcher import seconds_since_sweep
from models.core import event_log
from models.core.database import transaction
from models.core.events import IncidentOpened, IncidentResolved
from models.operations import audit
from settings import settings

log = logging.getLogger(__name__)

OVERDUE = 60.0  # seconds without a sweep
LONGEST = 64  # characters of an incident's name, which is the subject of its events
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('shopflow:reported incidents'))")
"""Not the lock of the relay that leads (relay/leader.py), which holds that while it looks."""
_OPEN = text("""
    SELECT subject FROM (
        SELECT DISTINCT ON (subject) subject, name FROM workflow.event
        WHERE name IN ('incident.opened', 'incident.resolved') ORDER BY subject, id DESC
    ) AS latest WHERE name = 'incident.opened'
""")
_STUCK = text("""
    SELECT workflow, count(*), min('run_' || replace(id::text, '-', '')) FROM workflow.run
    WHERE finished_at IS NULL AND stuck_at IS NOT NULL OR status = 'failed' GROUP BY workflow
""")
COVERED = ("no run is failed or stuck", "dispatchers sweep")
"""The invariants that are watched all the time, and not only at every audit."""

Faults = Mapping[str, str]
"""Incident → what is wrong, in a sentence."""


def find_stopped_work(session: Session) -> dict[str, str]:
    """Runs that require an operator, by workflow, and dispatchers that do not sweep."""
    found = {}
    for workflow, count, first in session.execute(_STUCK):
        runs = f"{count} runs of {workflow} are stuck or have failed" if count > 1 else f"A run of {workflow} is stuck"
        found[f"stuck:{workflow}"[:LONGEST]] = f"{runs}: shop runs show {first}"
    since = seconds_since_sweep(session)
    if since is not None and since > OVERDUE:
        found["dispatchers"] = f"The last sweep of a dispatcher was {since:.0f} s ago: see shop status."
    return found


def find_broken_invariants() -> dict[str, str]:
    """The broken invariants of the shop's own books. Those with the gateway are checked by the reconciliation."""
    with transaction() as session:
        findings = audit.audit(session, None)
    return {
        f"audit:{finding.name}"[:LONGEST]: f"Broken: {finding.name} ({', '.join(finding.examples)}): shop audit"
        for finding in findings
        if not finding.ok and finding.name not in COVERED
    }


def report(find: Callable[[Session], Faults], is_watched: Callable[[str], bool]) -> list[str]:
    """Records what has begun and what is over, each once however many processes look; returns the incidents.

    `is_watched`: which incidents `find` would have found. The others are left as they are.
    """
    with transaction() as session:
        session.execute(_LOCK)
        known = {name for name in session.scalars(_OPEN) if is_watched(name)}
        faults = find(session)
        begun = [name for name in faults if name not in known]
        over = sorted(known - set(faults))
        for name in begun:
            event_log.emit(session, IncidentOpened(incident=name, state="opened", detail=faults[name]))
        for name in over:
            event_log.emit(session, IncidentResolved(incident=name, state="resolved", detail="It is over."))
    return [*begun, *over]


class Watch:
    """Looks at the work every `SHOP_ALERT_INTERVAL` seconds, and at the books every hour.

    What cannot be looked at is an incident, too: `watch:work`, `watch:books`. It is looked at again the next time.
    """

    AUDIT_INTERVAL = 3600.0  # seconds

    def __init__(self) -> None:
        self._looked_at, self._audited_at = time.monotonic(), time.monotonic()
        self._begun_at: float | None = None
        self._failed: dict[str, str] = {}

    def busy_for(self) -> float:
        """Seconds for which the present look has lasted; 0 between two looks. For another thread."""
        begun_at = self._begun_at
        return 0.0 if begun_at is None else time.monotonic() - begun_at

    def look(self) -> None:
        """Reports what is due to be looked at. Raises OperationalError."""
        now = time.monotonic()
        if now - self._looked_at < settings.alert_interval:
            return
        self._looked_at = self._begun_at = now
        try:
            self._try("watch:work", lambda: report(find_stopped_work, _is_work))
            if now - self._audited_at >= self.AUDIT_INTERVAL and self._try("watch:books", _audit):
                self._audited_at = now
            report(lambda session: self._failed, lambda name: name.startswith("watch:"))
        finally:
            self._begun_at = None

    def _try(self, name: str, work: Callable[[], object]) -> bool:
        """Whether it was possible; otherwise `name` is an incident. Raises OperationalError: then nothing is."""
        try:
            work()
        except OperationalError:
            raise
        except Exception as error:
            log.exception("%s: will retry", name)
            self._failed[name] = f"This cannot be checked ({type(error).__name__}): shop logs relay"
            return False
        self._failed.pop(name, None)
        return True


def _is_work(name: str) -> bool:
    return not name.startswith(("audit:", "watch:"))


def _audit() -> None:
    broken = find_broken_invariants()
    report(lambda session: broken, lambda name: name.startswith("audit:"))
