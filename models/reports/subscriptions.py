"""Subscriptions: users who are sent each report of a kind, daily, weekly or monthly."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models import access, accounts
from models.accounts.users import lock
from models.reports.tables import Subscription

PERMISSION = "reports:read"


def list_subscriptions(session: Session, user_id: str) -> Sequence[Subscription]:
    """A user's subscriptions, by kind and schedule."""
    mine = select(Subscription).where(Subscription.user_id == user_id)
    return session.scalars(mine.order_by(Subscription.kind, Subscription.schedule)).all()


def set_subscriptions(session: Session, user_id: str, wanted: Collection[tuple[str, str]]) -> None:
    """Replaces a user's subscriptions by these (kind, schedule). Raises NotFound for a closed account."""
    lock(session, user_id)
    had = {(one.kind, one.schedule): one for one in list_subscriptions(session, user_id)}
    for key in had.keys() - set(wanted):
        session.delete(had[key])
    session.flush()
    added = sorted(set(wanted) - set(had))
    new = [{"user_id": user_id, "kind": kind, "schedule": schedule} for kind, schedule in added]
    if new:
        session.execute(insert(Subscription), new)


def unsubscribe_all(session: Session, user_id: str) -> None:
    """Deletes the subscriptions of a closed account."""
    session.execute(delete(Subscription).where(Subscription.user_id == user_id))


def is_subscribed(session: Session, user_id: str, kind: str, schedule: str) -> bool:
    """Whether the user is still sent these reports: subscribed, with an active account and the permission."""
    if session.get(Subscription, (user_id, kind, schedule)) is None:
        return False
    active = accounts.get(session, user_id).status == "active"
    return active and PERMISSION in access.permissions_of(session, user_id)


def start_due(session: Session, day: date) -> list[str]:
    """Starts the reports that have subscribers on a day, and returns their runs.

    They end at the beginning of the day (UTC): daily ones cover a day, weekly ones seven days on Mondays, monthly ones
    the last month on its first.
    """
    due = {schedule: start for schedule, start in _starts(day).items() if start is not None}
    wanted = select(Subscription.kind, Subscription.schedule).distinct().where(Subscription.schedule.in_(due))
    runs = []
    for kind, schedule in session.execute(wanted.order_by(Subscription.kind, Subscription.schedule)):
        about = {
            "kind": kind, "schedule": schedule, "report_id": new_id("rep"), "from": f"{due[schedule]}T00:00:00+00:00",
            "to": f"{day}T00:00:00+00:00",
        }  # fmt: skip
        runs.append(durable.start(session, "inventory_report", key=f"{schedule}:{kind}:{day}", input=about))
    return runs


def _starts(day: date) -> dict[str, date | None]:
    """Schedule → the first day of its reports on this day, None if there is none."""
    last_month = (day - timedelta(days=1)).replace(day=1)
    return {
        "daily": day - timedelta(days=1),
        "weekly": day - timedelta(days=7) if day.weekday() == 0 else None,
        "monthly": last_month if day.day == 1 else None,
    }


def start_mails(session: Session, report_id: str, kind: str, schedule: str) -> int:
    """Starts the mails of a report to its subscribers, and returns how many they are."""
    subscribed = select(Subscription.user_id).where(Subscription.kind == kind, Subscription.schedule == schedule)
    users = session.scalars(subscribed.order_by(Subscription.user_id)).all()
    for user_id in users:
        about = {"report_id": report_id, "user_id": user_id, "schedule": schedule}
        durable.start(session, "report_mail", key=f"{report_id}/{user_id}", input=about)
    return len(users)
