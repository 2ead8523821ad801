"""The audit log: its entries, and verifying their chain against the events that they cover."""

import hmac
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, select, text
from sqlalchemy.orm import Session

from durable.ids import Id, first_id
from models.core.audit_chain import COVERED, KINDS, NO_ENTRY, AuditEntry, sign, signing_keys
from models.core.event_log import Event
from settings import settings

NAME = "the audit log is complete and unchanged"
MARGIN = timedelta(hours=1)
"""By which an id may be older than its event, or younger."""
# From the oldest entry on, an event of staff without an entry was not written by the shop.
_ENTRIES = (
    text(f"""
    SELECT entry.number, entry.event_id, entry.created_at AS entered_at, entry.before, entry.before_at, entry.code,
        {COVERED}, now() AS now
    FROM workflow.audit_entry AS entry LEFT JOIN workflow.event ON event.id = entry.event_id ORDER BY entry.number
""")  # noqa: S608, constants only
    .columns(event_id=Id("evt"), id=Id("evt"))
    .execution_options(yield_per=1000)
)
_UNENTERED = text("""
    SELECT event.id FROM workflow.event WHERE split_part(name, '.', 1) = ANY(:kinds)
        AND created_at > (SELECT created_at FROM workflow.audit_entry ORDER BY number LIMIT 1)
        AND NOT EXISTS (SELECT FROM workflow.audit_entry WHERE event_id = event.id)
    ORDER BY event.id
""").columns(id=Id("evt"))


def verify(session: Session) -> tuple[dict[str, int], list[str]]:
    """Returns figures, and all faults: `wrong` counts events and entries that were changed, inserted or deleted.

    Entries that retention has deleted are no violation. Changes nothing.
    """
    entries, last, wrong = 0, 0, 0
    examples: list[str] = []
    for entry, fault in _entries(session):
        entries, last = entries + 1, entry.number
        if fault is not None:
            wrong += 1
            examples.append(f"{entry.event_id} (entry {entry.number}): {fault}")
    for (event_id,) in session.execute(_UNENTERED, {"kinds": list(KINDS)}):
        wrong += 1
        examples.append(f"{event_id}: has no entry")
    return {"entries": entries, "last": last, "wrong": wrong}, examples


def _entries(session: Session) -> Iterator[tuple[Row[Any], str | None]]:
    """Each entry with its fault, if any."""
    previous = None
    for entry in session.execute(_ENTRIES):
        may_be_missing = entry.now - timedelta(days=settings.keep_staff_events_days - 1)
        yield entry, _broken_link(entry, previous, may_be_missing) or _wrong_event(entry, may_be_missing)
        previous = entry


def _broken_link(entry: Row[Any], previous: Row[Any] | None, may_be_missing: datetime) -> str | None:
    if entry.number == 1:
        return None if (entry.before, entry.before_at) == (NO_ENTRY, None) else "is not the first entry"
    if previous is None or previous.number != entry.number - 1:
        return None if entry.before_at < may_be_missing else "the entry before is missing"
    continues = (entry.before, entry.before_at) == (previous.code, previous.entered_at)
    return None if continues else "does not continue the entry before"


def _wrong_event(entry: Row[Any], may_be_missing: datetime) -> str | None:
    """The code covers the time of the event; for an event that is missing, the next entry covers it."""
    if entry.id is None:
        return None if entry.entered_at < may_be_missing else "the event is missing"
    codes = (sign(key, entry.number, entry.before, entry.before_at, entry) for key in signing_keys())
    if any(hmac.compare_digest(code, entry.code) for code in codes):
        return None
    return "was changed, or signed with another key (SHOP_AUDIT_KEYS)"


def select_entries(
    *, name: str | None = None, actors: Collection[str] | None = None, subject: str | None = None,
    since: datetime | None = None, until: datetime | None = None,
) -> Select[AuditEntry, Event]:  # fmt: skip
    """Entries with their events, to be ordered by the caller: of an event's name, by any of these users and keys, about
    something, and of a period (`until` excluded), where it is given."""
    chosen = select(AuditEntry, Event).join(Event, Event.id == AuditEntry.event_id)
    if name is not None:
        chosen = chosen.where(Event.name == name)
    if actors is not None:
        chosen = chosen.where(Event.actor.in_(actors))
    if subject is not None:
        chosen = chosen.where(Event.subject == subject)
    if since is not None:  # ids sort by time, roughly; there is no index of the times
        chosen = chosen.where(AuditEntry.event_id >= first_id(since - MARGIN), AuditEntry.created_at >= since)
    if until is not None:
        chosen = chosen.where(AuditEntry.event_id < first_id(until + MARGIN), AuditEntry.created_at < until)
    return chosen


def has_entry(session: Session, known: str) -> bool:
    """Whether the entry `number:code`, which was noted earlier, is still in the log; `code` may be its first digits."""
    number, _, code = known.partition(":")
    entry = session.get(AuditEntry, int(number))
    return entry is not None and entry.code.hex().startswith(code.lower())
