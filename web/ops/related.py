"""What a run has to do with: its parent and children, events, mails and payments."""

import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from durable.ids import first_id
from durable.tables import RunRecord
from models.core.event_log import Event
from models.notifications import Notification
from models.payments import Payment, Transaction
from web import access
from web.ops.masking import mask_recipient

LISTED = 50  # rows of each kind
CHILDREN_WITHIN = timedelta(hours=1)  # of the start of the parent; more would read many runs of others
MARGIN = timedelta(seconds=2)  # between the clocks of hosts
ID = re.compile(r"[a-z]{2,4}_[0-9a-f]{32}")


@dataclass(frozen=True)
class Related:
    """What belongs to a run, newest first. None: who looks at the page may not see it."""

    events: list[Event]
    mails: list[tuple[Notification, str]] | None
    payments: list[Payment] | None
    transactions: list[Transaction]


def subjects_of(run: RunRecord) -> dict[str, str]:
    """Name → id of what the run is about, from its key, its input and its result."""
    named = {**run.input, **(run.result or {})}
    found = {
        name.removesuffix("_id"): value
        for name, value in named.items()
        if name.endswith("_id") and isinstance(value, str) and ID.fullmatch(value)
    }
    if ID.fullmatch(run.key) and run.key not in found.values():
        found = {"subject": run.key, **found}
    return found


def read_related(session: Session, run: RunRecord) -> Related:
    """At most five queries."""
    about = subjects_of(run)
    meant = [value for name, value in about.items() if name != "user"]
    subjects = Event.subject.in_(meant) & (Event.created_at >= run.created_at)
    by_key = Event.id == run.key if run.key.startswith("evt_") and ID.fullmatch(run.key) else None
    chosen = subjects if by_key is None else or_(subjects, by_key)
    events = session.scalars(select(Event).where(chosen).order_by(Event.id.desc()).limit(LISTED)).all()
    payments = _payments(session, about) if access.may("payments:read") else None
    return Related(
        list(events),
        _mails(session, run) if access.may("notifications:read") else None,
        payments,
        _transactions(session, [payment.id for payment in payments or ()]),
    )


def read_children(session: Session, run: RunRecord) -> list[RunRecord]:
    """The runs that this run has started and waits for, of its first hour. Their ids are as old as they are."""
    until = min(run.finished_at or run.created_at + CHILDREN_WITHIN, run.created_at + CHILDREN_WITHIN)
    young = RunRecord.id.between(run.id, f"run_{first_id(until + MARGIN)}")
    rows = select(RunRecord).where(young, RunRecord.parent == run.id).order_by(RunRecord.id).limit(LISTED)
    return list(session.scalars(rows))


def _mails(session: Session, run: RunRecord) -> list[tuple[Notification, str]]:
    keyed = Notification.key == f"{run.workflow}:{run.key}"
    rows = session.scalars(select(Notification).where(keyed).order_by(Notification.id.desc()).limit(LISTED))
    return [(row, row.recipient if access.may("users:read") else mask_recipient(row.recipient)) for row in rows]


def _payments(session: Session, about: dict[str, str]) -> list[Payment]:
    meant = [Payment.id == about["payment"]] if "payment" in about else []
    meant += [Payment.order_id == about["order"]] if "order" in about else []
    if not meant:
        return []
    return list(session.scalars(select(Payment).where(or_(*meant)).order_by(Payment.id.desc()).limit(LISTED)))


def _transactions(session: Session, payment_ids: list[str]) -> list[Transaction]:
    if not payment_ids:
        return []
    rows = select(Transaction).where(Transaction.payment_id.in_(payment_ids))
    return list(session.scalars(rows.order_by(Transaction.id.desc()).limit(LISTED)))
