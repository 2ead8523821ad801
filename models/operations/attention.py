"""What needs somebody's attention now, and how the last days went, for the first page of the staff.

Counts stop at MOST, so that they cost the same however much has piled up.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, cast, func, select
from sqlalchemy.orm import Session
from sqlalchemy.types import Date

from durable import queries
from models import imports, inventory, payments
from models.operations.order_search import CLOCKS, id_at
from models.orders import Order
from models.payments import Difference, Payment
from models.returns import Return

MOST = 1000
FAILED_DAYS = 7
"""How long a failed payment, or an import with refused rows, is worth a look."""
UNDER_WAY = ("approved", "in_transit")
"""The statuses of returns whose goods have not come yet."""


class Day(NamedTuple):
    """The orders that were placed on a day in UTC and not cancelled; `amount` in minor units."""

    day: date
    orders: int
    amount: int


def failed_since() -> date:
    """The first day whose failures count."""
    return (datetime.now(UTC) - timedelta(days=FAILED_DAYS)).date()


def _failed() -> Select[Any]:
    since = datetime.combine(failed_since(), datetime.min.time(), UTC)
    return select(Payment.id).where(Payment.status == "failed", Payment.id >= id_at("pay", since))


def _differences() -> Select[Any]:
    newest = payments.select_newest_reconciliation().scalar_subquery()
    is_open = Difference.repair.is_distinct_from("done")
    return select(Difference.subject).where(Difference.reconciliation_id == newest, is_open)


FIGURES: Mapping[str, Callable[[], Select[*tuple[Any, ...]]]] = {
    "orders_to_ship": lambda: select(Order.id).where(Order.status == "confirmed"),
    "orders_in_work": lambda: select(Order.id).where(Order.status == "processing"),
    "returns_to_decide": lambda: select(Return.id).where(Return.status == "requested"),
    "returns_to_receive": lambda: select(Return.id).where(Return.status.in_(UNDER_WAY)),
    "low_stock": lambda: inventory.select_levels(low=True),
    "payments_failed": _failed,
    "disputes": lambda: payments.select_disputes("needs_response"),
    "differences": _differences,
    "imports_refused": lambda: imports.select_imports(refused_since=failed_since()),
    "runs_stuck": lambda: queries.find_runs(stuck=True),
}
"""Name → the rows to count."""


def count(session: Session, names: Iterable[str]) -> dict[str, int]:
    """Name → how many there are, at most MOST. One statement."""
    asked = [select(func.count()).select_from(FIGURES[name]().limit(MOST).subquery()).scalar_subquery().label(name)
             for name in names]  # fmt: skip
    return dict(session.execute(select(*asked)).mappings().one()) if asked else {}


def list_days(session: Session, days: int) -> list[Day]:
    """The last `days` days in UTC with today, oldest first. Reads the orders of these days."""
    last = datetime.now(UTC).date()
    first = last - timedelta(days=days - 1)
    since = datetime.combine(first, datetime.min.time(), UTC)
    day = cast(func.timezone("UTC", Order.created_at), Date)
    query = (
        select(day, func.count(), func.sum(Order.total))
        .where(Order.created_at >= since, Order.id >= id_at("ord", since - CLOCKS))
        .where(Order.status.not_in(("pending", "cancelled")))
        .group_by(day)
    )
    found = {row[0]: Day(row[0], row[1], int(row[2])) for row in session.execute(query)}
    each = (first + timedelta(days=number) for number in range(days))
    return [found.get(one, Day(one, 0, 0)) for one in each]
