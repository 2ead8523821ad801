"""What happened to customers, orders, payments, parcels, runs and mails, as entries of one timeline.

It names people by their ids alone, as `shop runs show` does: no addresses, no names, no texts of mails.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from durable.tables import RunRecord
from models.accounts import User
from models.core.event_log import Event
from models.fulfilment import Parcel
from models.notifications import Notification
from models.orders import Order, list_changes
from models.payments import Payment, Transaction

MAX_ROWS = 200
"""How many of the newest rows of each kind a timeline is made of."""


@dataclass(frozen=True, order=True)
class Entry:
    """What happened at a time: `what` happened to the `kind` of thing with this `id`."""

    at: datetime
    kind: str
    id: str
    what: str


def of_customers(session: Session, ids: Sequence[str]) -> Iterator[Entry]:
    """When these accounts were registered, and what they are now."""
    for user in session.scalars(select(User).where(User.id.in_(ids))):
        yield Entry(user.created_at, "customer", user.id, f"registered; now {user.status}")


def of_orders(session: Session, ids: Sequence[str]) -> Iterator[Entry]:
    """Each status of these orders."""
    for order in session.scalars(select(Order).where(Order.id.in_(ids))):
        total = _money(order.total, order.currency)
        for change in list_changes(session, order):
            because = f": {change['reason']}" if change["reason"] else ""
            by = f" by {change['by']}" if change["by"] else ""
            yield Entry(change["at"], "order", order.id, f"{order.number} ({total}) {change['to']}{by}{because}")


def of_payments(session: Session, order_ids: Sequence[str]) -> Iterator[Entry]:
    """When payments of these orders were opened, and what their providers were asked for, and have reported."""
    rows = select(Payment).where(Payment.order_id.in_(order_ids)).order_by(Payment.id.desc()).limit(MAX_ROWS)
    opened = {payment.id: payment for payment in session.scalars(rows)}
    for payment in opened.values():
        amount, reference = _money(payment.amount, payment.currency), payment.reference or "no reference yet"
        what = f"{amount} at {payment.gateway} ({reference}); now {payment.status}"
        yield Entry(payment.created_at, "payment", payment.id, what)
    made = select(Transaction).where(Transaction.payment_id.in_(opened)).order_by(Transaction.id.desc())
    for one in session.scalars(made.limit(MAX_ROWS)):
        amount, error = _money(one.amount, opened[one.payment_id].currency), one.error or {}
        because = f" ({error['code']})" if "code" in error else ""
        yield Entry(one.created_at, "payment", one.payment_id, f"{one.kind} of {amount} {one.status}{because}")


def of_parcels(session: Session, order_ids: Sequence[str]) -> Iterator[Entry]:
    """When parcels of these orders were packed, shipped and delivered."""
    rows = select(Parcel).where(Parcel.order_id.in_(order_ids)).order_by(Parcel.id.desc()).limit(MAX_ROWS)
    for parcel in session.scalars(rows):
        number = parcel.tracking_number or "no tracking number"
        times = (("packed", parcel.created_at), ("shipped", parcel.shipped_at), ("delivered", parcel.delivered_at))
        for what, at in times:
            if at is not None:
                yield Entry(at, "parcel", parcel.id, f"{what} ({number}); now {parcel.status}")


def of_runs(runs: Sequence[RunRecord]) -> Iterator[Entry]:
    """When these runs were started, and when they ended or got stuck."""
    for run in runs:
        asked = f" by request {run.request_id}" if run.request_id else ""
        yield Entry(run.created_at, "run", run.id, f"{run.workflow} started{asked}; now {run.status}")
        if run.finished_at is not None:
            code = (run.error or {}).get("code")
            because = f" ({code})" if code else ""
            yield Entry(run.finished_at, "run", run.id, f"{run.workflow} {run.status}{because}")
        elif run.stuck_at is not None:
            yield Entry(run.stuck_at, "run", run.id, f"{run.workflow} stuck: {run.stuck_reason}")


def of_events(events: Sequence[Event]) -> Iterator[Entry]:
    """These events, by their names: their payloads may be personal."""
    for event in events:
        by = f" by {event.actor}" if event.actor else ""
        yield Entry(event.created_at, "event", event.id, f"{event.name}{by}")


def of_mails(session: Session, condition: ColumnElement[bool]) -> Iterator[Entry]:
    """When notifications were written, and what became of them."""
    rows = select(Notification).where(condition).order_by(Notification.id.desc()).limit(MAX_ROWS)
    for one in session.scalars(rows):
        what = f"{one.kind} ({one.channel})"
        yield Entry(one.created_at, "mail", one.id, f"{what} written")
        for fate, at in (("sent", one.sent_at), ("bounced", one.bounced_at)):
            if at is not None:
                yield Entry(at, "mail", one.id, f"{what} {fate}")
        if one.fault is not None and one.bounced_at is None:
            yield Entry(one.created_at, "mail", one.id, f"{what} refused for good")


def _money(amount: int, currency: str) -> str:
    return f"{amount / 100:.2f} {currency}"
