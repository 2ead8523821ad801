"""Daily sales: kept up to date by confirmations, cancellations and returns, folded, and rebuilt."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select, text, update

from models import fulfilment, orders, reports
from models.core.database import transaction
from models.operations import sales
from tests.models.auditing import broken, ledger
from tests.models.sales import Sale
from tests.models.shelves import product

FIGURES = ("sold", "sold_amount", "cancelled", "cancelled_amount", "returned", "returned_amount")
SUMS = ", ".join(f"sum({name})::int AS {name}" for name in FIGURES)


def totals(product_id: str) -> dict[str, int]:
    query = text(f"SELECT {SUMS} FROM {reports.SALES} AS sales WHERE product_id = :id")  # noqa: S608, constants only
    with transaction() as session:
        found = session.execute(query, {"id": product_id.removeprefix("prd_")}).mappings().one()
        return {name: int(value) for name, value in found.items() if value}


def changes() -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(reports.SalesChange)).one()


def fold(portion: int = reports.PORTION) -> int:
    with transaction() as session:
        return reports.fold(session, portion)


def rebuild() -> int:
    with transaction() as session:
        return sales.rebuild(session)


def wrong() -> set[str]:
    return {name for name in broken(ledger()) if name.startswith("daily")}


@pytest.fixture
def cup(database: None) -> str:
    return product("CUP", 1000)


@pytest.fixture
def sale(cup: str) -> Sale:
    made = Sale(cup, 5)
    for action in made.forwards():
        action()
    return made


def test_an_order_is_sold_when_it_is_confirmed(cup: str) -> None:
    made = Sale(cup, 5)
    made.reserve()
    assert totals(cup) == {}
    made.confirm()
    assert totals(cup) == {"sold": 5, "sold_amount": 5}
    with transaction() as session:
        [day] = session.scalars(select(reports.SalesChange.day))
        confirmed_at = orders.get(session, made.id).confirmed_at
    assert confirmed_at is not None
    assert day == confirmed_at.astimezone(UTC).date()


def test_an_order_that_is_not_confirmed_sells_nothing(cup: str) -> None:
    made = Sale(cup, 5)
    made.cancel()
    assert (totals(cup), changes(), wrong()) == ({}, 0, set())


def test_cancelled_pieces_count_once(sale: Sale, cup: str) -> None:
    with transaction() as session:
        fulfilment.cancel_pieces(session, sale.id, lines={cup: 2}, actor=sale.order.user_id, is_staff=True, reason=None)
    assert totals(cup) == {"sold": 5, "sold_amount": 5, "cancelled": 2, "cancelled_amount": 2}
    assert wrong() == set()
    with transaction() as session:
        fulfilment.cancel_pieces(session, sale.id, lines=None, actor=sale.order.user_id, is_staff=True, reason=None)
    assert totals(cup) == {"sold": 5, "sold_amount": 5, "cancelled": 5, "cancelled_amount": 5}
    assert wrong() == set()


def test_folding_changes_no_total(sale: Sale, cup: str) -> None:
    for _ in range(3):
        for action in Sale(cup, 1).forwards():
            action()
    before = totals(cup)
    assert (changes(), fold(2), changes()) == (4, 2, 2)
    assert (totals(cup), wrong()) == (before, set())
    assert (fold(), changes(), fold()) == (2, 0, 0)
    assert (totals(cup), wrong()) == (before, set())
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(reports.DailySales)).one() == 1


def test_folds_and_confirmations_at_once_lose_nothing(cup: str) -> None:
    made = [Sale(cup, 2) for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(one.confirm) for one in made]
        folds = [pool.submit(fold, 3) for _ in range(16)]
        for one in done:
            one.result()
        folded = sum(one.result() for one in folds)
    assert totals(cup) == {"sold": 48, "sold_amount": 48}
    assert folded + changes() == 24


@pytest.mark.parametrize("folded", [False, True])
def test_a_rebuild_corrects_what_was_lost_or_counted_twice(sale: Sale, cup: str, folded: bool) -> None:
    with transaction() as session:
        fulfilment.cancel_pieces(session, sale.id, lines={cup: 2}, actor=sale.order.user_id, is_staff=True, reason=None)
    if folded:
        fold()
    right = totals(cup)
    assert rebuild() == 0
    with transaction() as session:
        session.execute(update(reports.DailySales).values(sold=7, cancelled=0, cancelled_amount=0))
        session.execute(delete(reports.SalesChange))
    assert wrong() == {
        "daily sales are the sums of the lines of confirmed orders",
        "daily cancellations are the cancelled pieces of confirmed orders",
    }
    assert rebuild() > 0
    assert (totals(cup), wrong()) == (right, set())
    assert rebuild() == 0


def test_a_rebuild_dates_what_it_adds(sale: Sale, cup: str) -> None:
    at = datetime.now(UTC) - timedelta(days=400)
    with transaction() as session:
        session.execute(update(orders.Order).values(confirmed_at=at))
        session.execute(delete(reports.SalesChange))
    rebuild()
    with transaction() as session:
        assert session.scalars(select(reports.SalesChange.day)).all() == [at.date()]


def test_a_rebuild_during_confirmations_corrects_nothing(cup: str) -> None:
    made = [Sale(cup, 2) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(one.confirm) for one in made]
        corrected = [pool.submit(rebuild) for _ in range(8)]
        for one in done:
            one.result()
        assert [one.result() for one in corrected] == [0] * 8
    assert totals(cup) == {"sold": 32, "sold_amount": 32}


def test_days_are_those_of_utc(sale: Sale) -> None:
    with transaction() as session:
        assert session.scalars(select(reports.SalesChange.day)).all() == [datetime.now(UTC).date()]
        assert isinstance(session.scalars(select(reports.SalesChange.day)).one(), date)
