"""Everything the shop knows about what a customer, a provider or a log names, as one timeline."""

import re
from dataclasses import dataclass, field

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from durable.tables import RunRecord
from models import accounts
from models.accounts import User
from models.accounts.users import prefer_exact
from models.core.event_log import Event
from models.fulfilment import Parcel
from models.notifications import Notification
from models.operations import order_search, run_search, timeline
from models.operations.timeline import MAX_ROWS, Entry
from models.orders import CreditNote, Invoice, Order
from models.payments import Payment, Reconciliation, Transaction
from models.reports import Report
from models.returns import Return

MAX_ORDERS = 20
MAX_LENGTH = 254  # characters that are looked up
_ID = re.compile(r"(usr|ord|pay|run)_[0-9a-f]{32}")
_OTHER_ID = re.compile(r"([a-z]{2,3})_[0-9a-f]{32}")
_ORDERS = {
    "pay": lambda asked: select(Payment.order_id).where(Payment.id == asked),
    "txn": lambda asked: select(Payment.order_id).join(Transaction).where(Transaction.id == asked),
    "ful": lambda asked: select(Parcel.order_id).where(Parcel.id == asked),
    "ret": lambda asked: select(Return.order_id).where(Return.id == asked),
    "inv": lambda asked: select(Invoice.order_id).where(Invoice.id == asked),
    "crn": lambda asked: select(CreditNote.order_id).where(CreditNote.id == asked),
}  # fmt: skip
"""Prefix of an id → the query for the order that it belongs to."""
_RUNS = {
    "rep": lambda asked: select(Report.run_id).where(Report.id == asked),
    "rec": lambda asked: select(Reconciliation.run_id).where(Reconciliation.id == asked),
}  # fmt: skip
"""Prefix of an id whose run has another key → the query for the run."""


@dataclass
class Found:
    """The customers, the newest orders, the runs and the mails that are meant. `entries`: oldest first.

    `events`: those about another thing than an order or a customer. `is_cut`: there is more than is shown.
    """

    customers: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    is_cut: bool = False


def find_user_id(session: Session, name: str) -> str | None:
    """The id of the user with this username or e-mail address, whatever the account's status."""
    return session.scalars(prefer_exact(select(User.id), name, User.username_key, User.email_key)).one_or_none()


def find_order_id(session: Session, number: str) -> str | None:
    """The id of the order with this number."""
    if not re.fullmatch(r"[0-9]{1,10}", number) or int(number) > order_search.MAX_NUMBER:
        return None
    return session.scalars(select(Order.id).where(Order.number == int(number))).one_or_none()


def find(session: Session, asked: str, limit: int) -> Found:
    """The timeline of what `asked` names: its `limit` newest entries.

    `asked`: an e-mail address, the number of an order or an invoice, a payment's reference, a tracking number, the id
    of a request, any id of the shop, several of them as a provider has them of a payment, or a customer's name.
    """
    found = _resolve_any(session, " ".join(asked.split()))
    runs = _runs(session, found)
    entries = sorted(
        [
            *timeline.of_customers(session, found.customers),
            *timeline.of_orders(session, found.orders),
            *timeline.of_payments(session, found.orders),
            *timeline.of_parcels(session, found.orders),
            *timeline.of_runs(runs),
            *timeline.of_events(found.events),
            *_mails(session, found, runs),
        ]
    )
    found.runs = [run.id for run in runs]
    found.is_cut |= len(entries) > limit or len(runs) == MAX_ROWS
    found.entries = entries[-limit:]
    return found


def _resolve_any(session: Session, asked: str) -> Found:
    """PayPal's custom id is `ord_…/pay_…/usr_…`, an attempt at any provider `run_…:step`: the first that is known."""
    ids = [part for part in re.split("[/:]", asked[:MAX_LENGTH]) if _ID.fullmatch(part)]
    for part in ids:
        found = _resolve(session, part)
        if found.orders or found.customers or found.runs:
            return found
    return _resolve(session, asked)


def _resolve(session: Session, asked: str) -> Found:
    kind = asked[:3] if _ID.fullmatch(asked) else None
    if not asked or len(asked) > MAX_LENGTH:
        return Found()
    if kind == "usr":
        return _of_customer(session, asked)
    if kind is None and "@" in asked:
        return _of_customer(session, accounts.find_id(session, asked))
    if kind == "ord":
        return _with_orders(session, select(Order).where(Order.id == asked))
    if kind != "run" and (known := _of_other_id(session, asked)):
        return known
    started = RunRecord.id == asked if kind == "run" else RunRecord.request_id == asked
    runs = session.scalars(select(RunRecord).where(started).order_by(RunRecord.id.desc()).limit(MAX_ROWS)).all()
    if runs or kind == "run":
        about = {run.input["order_id"] for run in runs if "order_id" in run.input}
        found = _with_orders(session, select(Order).where(Order.id.in_(about)))
        found.runs = [run.id for run in runs]
        return found
    return _with_orders(session, order_search.narrow(session, select(Order), {"q": asked}))


def _of_other_id(session: Session, asked: str) -> Found | None:
    """Of a part of an order: the order. Of anything else: the events about it, and the runs that it or one of them has
    started. None if nothing is known of it: it may be a provider's reference."""
    if not (form := _OTHER_ID.fullmatch(asked)):
        return None
    prefix = form[1]
    if prefix in _ORDERS:
        found = _with_orders(session, select(Order).where(Order.id.in_(_ORDERS[prefix](asked))))
        return found if found.orders else None
    found = Found()
    about = Event.id == asked if prefix == "evt" else Event.subject == asked
    found.events = list(session.scalars(select(Event).where(about).order_by(Event.id.desc()).limit(MAX_ROWS)))
    mails = select(Notification).where(Notification.id == asked)
    sent = session.scalars(mails).one_or_none() if prefix == "ntf" else None
    keys = [asked, f"request:{asked}", *(event.id for event in found.events)]
    chosen = [run_search.has_key(session, keys)]
    if sent is not None:
        found.mails, (workflow, _, key) = [sent.id], sent.key.partition(":")
        chosen.append((RunRecord.workflow == workflow) & (RunRecord.key == key))
    if prefix in _RUNS:
        chosen.append(RunRecord.id.in_(_RUNS[prefix](asked)))
    ids = select(RunRecord.id).where(or_(*chosen)).order_by(RunRecord.id.desc()).limit(MAX_ROWS)
    found.runs = list(session.scalars(ids))
    return found if found.runs or found.events or found.mails else None


def _of_customer(session: Session, user_id: str | None) -> Found:
    if user_id is None or session.get(User, user_id) is None:
        return Found()
    found = _with_orders(session, select(Order).where(Order.user_id == user_id))
    found.customers = [user_id]
    return found


def _with_orders(session: Session, chosen: Select[Order]) -> Found:
    orders = session.scalars(chosen.order_by(Order.id.desc()).limit(MAX_ORDERS + 1)).all()
    shown = orders[:MAX_ORDERS]
    return Found(
        customers=sorted({order.user_id for order in shown}),
        orders=[order.id for order in shown],
        is_cut=len(orders) > MAX_ORDERS,
    )


def _runs(session: Session, found: Found) -> list[RunRecord]:
    """The runs that are meant, those about the orders, and what the customers have started if there is no order."""
    chosen = [RunRecord.id.in_(found.runs), run_search.is_about(session, found.orders)]
    if not found.orders:
        chosen.append(RunRecord.owner.in_(found.customers))
    rows = select(RunRecord).where(or_(*chosen)).order_by(RunRecord.id.desc()).limit(MAX_ROWS)
    return list(session.scalars(rows))


def _mails(session: Session, found: Found, runs: list[RunRecord]) -> list[Entry]:
    """What the runs have sent, and if there is no order, what the customers were sent."""
    about = Notification.key.in_([f"{run.workflow}:{run.key}" for run in runs])
    if found.mails:
        about = Notification.id.in_(found.mails)
    meant = about if found.orders else or_(about, Notification.user_id.in_(found.customers))
    return list(timeline.of_mails(session, meant))
