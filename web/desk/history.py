"""What happened to an order, in the words of the desk: statuses, parcels, payments and returns by time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from durable.tables import RunRecord
from models import orders
from models.core.event_log import Event
from models.fulfilment import Parcel
from models.notifications import Notification
from models.orders import Order
from models.returns import Return
from web.desk.names import usernames_of
from web.desk.words import name_of
from web.language import gettext, money

MOST = 50
"""Rows of each kind."""


class Moment(NamedTuple):
    """What happened at a time; `by` is a person's name or a workflow."""

    at: datetime
    what: str
    by: str = ""
    why: str = ""


def list_moments(
    session: Session, order: Order, parcels: Sequence[Parcel], made: Sequence[Return], paid: Sequence[dict[str, Any]]
) -> list[Moment]:
    """All of it, newest first."""
    found = [
        *_changes(session, order), *(one for parcel in parcels for one in _of_parcel(parcel)),
        *(one for each in made for one in _of_return(each)), *(one for each in paid for one in _of_payment(each)),
    ]  # fmt: skip
    return sorted(found, key=lambda moment: moment.at)[::-1]


def list_mails(session: Session, runs: Sequence[RunRecord]) -> Sequence[Notification]:
    """What these runs have sent to the customer and to staff, newest first."""
    keys = [f"{run.workflow}:{run.key}" for run in runs]
    query = select(Notification).where(Notification.key.in_(keys)).order_by(Notification.id.desc()).limit(MOST)
    return session.scalars(query).all()


def list_events(session: Session, subjects: Sequence[str]) -> Sequence[Event]:
    """The events about these ids, newest first, among them what staff did."""
    query = select(Event).where(Event.subject.in_(subjects)).order_by(Event.id.desc()).limit(MOST)
    return session.scalars(query).all()


def _changes(session: Session, order: Order) -> Iterator[Moment]:
    changes = orders.list_changes(session, order)
    actors = {change["by"] for change in changes if change["by"] and change["by"].startswith("usr_")}
    names = usernames_of(session, actors)
    for change in changes:
        what = gettext("Order placed") if change["from"] is None else gettext("Order %(status)s") % {
            "status": name_of(change["to"])
        }  # fmt: skip
        by = change["by"] or ""
        yield Moment(change["at"], what, names.get(by, by), change["reason"] or "")


def _of_parcel(parcel: Parcel) -> Iterator[Moment]:
    number = parcel.tracking_number or ""
    yield Moment(parcel.created_at, gettext("Parcel packed"), why=number)
    if parcel.shipped_at:
        yield Moment(parcel.shipped_at, gettext("Parcel has left"), why=number)
    if parcel.delivered_at:
        yield Moment(parcel.delivered_at, gettext("Parcel delivered"), why=number)


def _of_return(made: Return) -> Iterator[Moment]:
    yield Moment(made.created_at, gettext("Return requested"), why=made.reason)
    if made.decided_at:
        refused = made.status == "refused"
        what = gettext("Return refused") if refused else gettext("Return approved")
        yield Moment(made.decided_at, what, why=made.refused_because or "")
    if made.received_at:
        yield Moment(made.received_at, gettext("Goods received"))


def _of_payment(payment: dict[str, Any]) -> Iterator[Moment]:
    for one in payment["transactions"]:
        amount = money(one["amount"]["amount"], one["amount"]["currency"])
        why = (one["error"] or {}).get("detail") or ""
        yield Moment(one["created_at"], f"{name_of(one['kind'])} {amount}: {name_of(one['status'])}", why=why)
