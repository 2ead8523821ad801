"""Low stock is reported once until it recovers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from durable.ids import new_id
from durable.tables import RunRecord
from models import inventory
from models.core.database import transaction
from models.core.errors import InsufficientStock
from models.core.event_log import Event
from tests.models.shelves import broken, move, product, reserve, warehouse

LOW, RECOVERED = "stock.low", "stock.recovered"


def reported() -> list[str]:
    with transaction() as session:
        return list(session.scalars(select(Event.name).where(Event.name.in_((LOW, RECOVERED))).order_by(Event.id)))


def watched(sku: str, on_hand: int, reorder_point: int | None, quantity: int | None = None) -> str:
    made = product(sku, on_hand)
    threshold(made, reorder_point, quantity)
    return made


def threshold(product_id: str, reorder_point: int | None, quantity: int | None = None) -> inventory.Stock:
    with transaction() as session:
        return inventory.set_threshold(session, product_id, None, reorder_point, quantity)


def release(order_id: str) -> None:
    with transaction() as session:
        inventory.release(session, order_id)


def low() -> list[str]:
    with transaction() as session:
        return [sku for _, sku, _ in session.execute(inventory.select_levels(low=True))]


def test_stock_is_low_at_its_reorder_point_and_not_above() -> None:
    book = watched("BOOK", 10, 4)
    reserve({book: 5})
    assert (reported(), low()) == ([], [])
    reserve({book: 1})
    assert (reported(), low()) == ([LOW], ["BOOK"])


@pytest.mark.parametrize(
    "fall",
    [
        lambda book: reserve({book: 6}),
        lambda book: move(book, -6),
        lambda book: threshold(book, 10),
    ],
)
def test_low_stock_is_reported_once_until_it_recovers(fall: Callable[[str], Any]) -> None:
    book = watched("BOOK", 10, 4)
    fall(book)
    assert reported() == [LOW]
    for _ in range(2):
        move(book, -1)
        reserve({book: 1})
    assert reported() == [LOW]
    move(book, 100)
    assert (reported(), low()) == ([LOW, RECOVERED], [])
    move(book, -100)
    assert reported() == [LOW, RECOVERED, LOW]


def test_a_cancelled_order_lets_stock_recover() -> None:
    book = watched("BOOK", 10, 4)
    order, other = reserve({book: 6}), reserve({book: 2})
    release(other)
    assert reported() == [LOW]
    release(order)
    release(order)
    assert (reported(), low()) == ([LOW, RECOVERED], [])


def test_low_stock_emits_an_event_that_starts_its_workflow() -> None:
    book = watched("BOOK", 10, 4, 20)
    reserve({book: 7})
    with transaction() as session:
        event = session.scalars(select(Event).where(Event.name == LOW)).one()
        run = session.scalars(select(RunRecord)).one()
        main = inventory.get_default_warehouse(session).id
    assert event.payload == {
        "product_id": book, "warehouse_id": main, "available": 3, "reorder_point": 4, "reorder_quantity": 20,
    }  # fmt: skip
    assert (run.workflow, run.key, run.input) == ("low_stock", event.id, event.payload)


def test_an_order_from_two_warehouses_reports_each_low_level() -> None:
    annex, book = warehouse("Annex"), watched("BOOK", 3, 1)
    move(book, 3, annex)
    with transaction() as session:
        inventory.set_threshold(session, book, annex, 2, None)
    reserve({book: 4})
    with transaction() as session:
        levels = session.scalars(select(inventory.Stock)).all()
    assert sorted((level.available, level.low_since is not None) for level in levels) == [(0, True), (2, True)]
    assert reported() == [LOW, LOW]


def test_a_refused_order_reports_no_low_stock() -> None:
    book = watched("BOOK", 10, 4)
    with pytest.raises(InsufficientStock):
        reserve({book: 11})
    assert (reported(), low()) == ([], [])


def test_stock_without_a_reorder_point_is_never_low() -> None:
    book = watched("BOOK", 10, 10)
    threshold(book, None)
    reserve({book: 10})
    assert (reported(), low()) == ([LOW, RECOVERED], [])


def test_low_opening_stock_is_listed_but_not_reported() -> None:
    few, many = product("FEW"), product("MANY")
    with transaction() as session:
        openings = [inventory.Opening(few, 2, 2), inventory.Opening(many, 3, 2)]
        inventory.open_stock(session, openings)
    assert (reported(), low()) == ([], ["FEW"])


def test_a_constraint_keeps_low_since_consistent() -> None:
    book = watched("BOOK", 10, 4)
    with pytest.raises(IntegrityError, match="low_since"), transaction() as session:
        session.execute(text("UPDATE inventory.stock SET on_hand = 4 WHERE on_hand = 10"))
    assert book


def test_concurrent_orders_report_low_stock_once() -> None:
    book = watched("BOOK", 60, 30)

    def buy(_: int) -> None:
        with transaction() as session:
            inventory.reserve(session, new_id("ord"), {book: 1})

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(buy, range(60)))
    assert reported() == [LOW]


def test_low_and_recovered_events_alternate_under_concurrency() -> None:
    books = [watched(f"BOOK-{n}", 10, 5) for n in range(3)]

    def trade(seed: int) -> None:
        random = Random(seed)
        for _ in range(6):
            order = reserve(dict.fromkeys(random.sample(books, 2), random.randint(1, 2)))
            if random.random() < 0.9:
                release(order)
            move(random.choice(books), random.choice((-1, 4)))

    with ThreadPoolExecutor(8) as pool:
        outcomes = [pool.submit(trade, seed) for seed in range(8)]
    for outcome in outcomes:
        if (refusal := outcome.exception()) is not None:
            assert type(refusal).__name__ in ("InsufficientStock", "Conflict"), refusal
    assert broken() == []
    for book in books:
        with transaction() as session:
            is_low = session.scalars(
                select(inventory.Stock.low_since.is_not(None)).where(inventory.Stock.product_id == book)
            ).one()
            at_book = Event.payload["product_id"].astext == book
            counted = dict(session.execute(select(Event.name, func.count()).where(at_book).group_by(Event.name)).all())
        assert counted.get(LOW, 0) - counted.get(RECOVERED, 0) == int(is_low)
