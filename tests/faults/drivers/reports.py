"""Starts reports, their mails, and the folding of daily sales."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import insert

import durable
from durable.ids import new_id
from models import access, reports
from models.core.database import transaction
from tests.faults.drivers.registry import drives, numbers
from tests.shopping import make_customer, make_product

DAY = "2026-11-22"


@drives("inventory_report")
def inventory_report(refused_at: str | None = None) -> str:
    """A report of each kind in turn, for its default period, with a subscriber."""
    number = next(numbers)
    make_product(f"REPORTED-{number}", 3)
    user_id, kind = _subscriber(number)
    start = datetime.fromisoformat(DAY).replace(tzinfo=UTC) - reports.KINDS[kind].period
    about = {"kind": kind, "from": start.isoformat(), "to": f"{DAY}T00:00:00+00:00", "schedule": "daily"}
    with transaction() as session:
        return durable.start(session, "inventory_report", key=f"test-{number}-{user_id}", input=about)


@drives("report_subscriptions")
def report_subscriptions(refused_at: str | None = None) -> str:
    """The reports of a day are started, each time of another day."""
    number = next(numbers)
    _subscriber(number)
    with transaction() as session:
        slot = (date(2018, 1, 1) + timedelta(days=number)).isoformat()
        return durable.start(session, "report_subscriptions", key=slot, input={"slot": slot})


@drives("report_mail")
def report_mail(refused_at: str | None = None) -> str:
    """A report is sent to a subscriber."""
    number = next(numbers)
    make_product(f"MAILED-{number}", 3)
    user_id, kind = _subscriber(number)
    end = datetime.fromisoformat(DAY).replace(tzinfo=UTC)
    report_id = new_id("rep")
    with transaction() as session:
        start = end - timedelta(days=1)
        scope: reports.Scope = {
            "report_id": report_id, "kind": kind, "start": start.isoformat(), "end": end.isoformat(), "options": {},
            "slices": reports.cut(session, reports.KINDS[kind], start, end),
        }  # fmt: skip
        rows = sum(reports.write_slice(session, scope, n) for n in range(len(scope["slices"])))
        reports.publish(session, scope, report_id, new_id("run"), rows)
        about = {"report_id": report_id, "user_id": user_id, "schedule": "daily"}
        return durable.start(session, "report_mail", key=f"{report_id}/{user_id}", input=about)


@drives("sales_fold")
def sales_fold(refused_at: str | None = None) -> str:
    """There is a change to fold. Another one takes it back, so that the books stay right."""
    slot = f"test-{next(numbers)}"
    product_id = make_product(f"FOLDED-{slot}", 1)
    with transaction() as session:
        change = insert(reports.SalesChange).values(day=date(2026, 11, 22), product_id=product_id)
        session.execute(change.values(sold=1, sold_amount=5))
        session.execute(change.values(sold=-1, sold_amount=-5))
        return durable.start(session, "sales_fold", key=slot, input={"slot": slot})


def _subscriber(number: int) -> tuple[str, str]:
    """A user who is sent a kind of report every day: another kind each time."""
    kind = list(reports.KINDS)[number % len(reports.KINDS)]
    user_id = make_customer(f"subscriber{number}")
    with transaction() as session:
        access.grant(session, user_id, "finance")
        reports.set_subscriptions(session, user_id, [(kind, "daily")])
    return user_id, kind


@drives("audit")
def audit(refused_at: str | None = None) -> str:
    """The invariants of the shop are checked, whatever the other tests have left."""
    with transaction() as session:
        return durable.start(session, "audit", key=new_id("aud"), input={})
