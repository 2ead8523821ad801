"""The differences of a stock count: how many units, and what they are worth at the products' prices."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Numeric, Select, cast, func, select
from sqlalchemy.orm import Session

from models.inventory.count_tables import CountLine

LINE_STATES = {
    "counted": CountLine.counted.is_not(None),
    "uncounted": CountLine.counted.is_(None),
    "differing": CountLine.difference != 0,
    "short": CountLine.short > 0,
}
"""Name → condition: which lines of a count are listed."""


class CountTotals(NamedTuple):
    """The sums of a count. Values in minor units.

    `surplus`, `missing`: units that were counted more or less than expected; `value`: what the difference is worth in
    sum, `absolute_value`: without setting off one against the other. `booked`: lines whose difference is booked.
    """

    lines: int
    counted: int
    differing: int
    surplus: int
    missing: int
    value: int
    absolute_value: int
    booked: int
    short: int


def get_totals_of(session: Session, count_id: str) -> CountTotals:
    """The sums of a count."""
    difference = CountLine.difference
    unit_value = cast(CountLine.unit_value, Numeric)  # a billion units of a high value exceed a bigint
    sums = (
        func.sum(difference).filter(difference > 0), -func.sum(difference).filter(difference < 0),
        func.sum(difference * unit_value), func.sum(func.abs(difference) * unit_value),
        func.count(CountLine.booked), func.sum(CountLine.short),
    )  # fmt: skip
    query = select(
        func.count(), func.count(CountLine.counted), func.count().filter(difference != 0),
        *(func.coalesce(one, 0) for one in sums),
    )  # fmt: skip
    row = session.execute(query.where(CountLine.stock_count_id == count_id)).one()
    return CountTotals(*map(int, row))


def select_count_lines(count_id: str, state: str | None = None) -> Select[CountLine]:
    """The query for lines of a count, by a name of LINE_STATES. The caller orders it."""
    query = select(CountLine).where(CountLine.stock_count_id == count_id)
    return query.where(LINE_STATES[state]) if state else query


def lines_after(
    session: Session, count_id: str, state: str | None, after: str | None, limit: int
) -> Sequence[CountLine]:  # fmt: skip
    """The next lines of a count after a product, sorted by product, which is the order of their creation."""
    query = select_count_lines(count_id, state)
    if after:
        query = query.where(CountLine.product_id > after)
    return session.scalars(query.order_by(CountLine.product_id).limit(limit)).all()
