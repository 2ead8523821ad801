"""Stock counts while others count, sell and decide."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from models import inventory
from models.core.database import transaction
from tests.models.racing import race
from tests.models.shelves import available, broken, move, product, reserve, warehouse
from tests.models.stock_counting import (
    ANN,
    CID,
    approve,
    book,
    cancel,
    enter,
    level,
    lines,
    main,
    of,
    open_count,
    refusal,
    submit,
)


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def test_only_one_of_two_approvers_and_a_cancellation_at_once_wins() -> None:
    shirt = product("SHIRT", 100)
    for _ in range(8):
        count = open_count(of(shirt, level(shirt)[0] - 1))
        submit(count)
        decided = race([partial(approve, count), partial(approve, count, CID), partial(cancel, count)])
        assert sum(decided) == 1
        with transaction() as session:
            assert inventory.get_count(session, count).status == ("cancelled" if decided[2] else "approved")
        if not decided[2]:
            book(count)


def test_several_people_enter_lines_at_once_until_one_submits() -> None:
    books = [product(f"BOOK-{number}", 3) for number in range(6)]
    count = open_count(of(books[0], 3))
    everything, backwards = [of(one, 2) for one in books], [of(one, 4) for one in reversed(books)]
    calls: list[Callable[[], object]] = [
        call for _ in range(4) for call in (partial(enter, count, *everything), partial(enter, count, *backwards))
    ]
    done = race([*calls, partial(submit, count)])
    assert done[-1]
    before = lines(count)
    assert refusal(partial(enter, count, of(books[0], 1))).code == "wrong_state"
    assert lines(count) == before
    numbers = {line[1] for line in before.values()}
    assert len(numbers) == 1, "the lines of one request are entered together"


def test_of_sales_transfers_and_a_booking_at_once_nothing_is_lost() -> None:
    annex = warehouse("Annex")
    for number in range(6):
        shirt = product(f"SHIRT-{number}", 10)
        count = open_count(of(shirt, 7))
        approve(count)

        def sell(shirt: str = shirt) -> None:
            order_id = reserve({shirt: 2})
            with transaction() as session:
                inventory.allocate(session, order_id)
                inventory.ship(session, order_id, main(), {shirt: 2}, reference="ful_x")

        def transfer(shirt: str = shirt) -> None:
            with transaction() as session:
                sent = inventory.request_transfer(session, main(), annex, {shirt: 2}).id
            with transaction() as session:
                inventory.send_transfer(session, sent)

        def receive(shirt: str = shirt) -> None:
            move(shirt, 1)

        with ThreadPoolExecutor(6) as pool:
            booked = [pool.submit(book, count) for _ in range(3)]
            went = [pool.submit(call) for call in (sell, transfer, receive)]
            moves = sum(one.result() for one in booked)
            assert [one.exception() for one in went] == [None] * 3
        assert moves == 1
        assert level(shirt) == (10 - 3 - 2 - 2 + 1, 0)


def test_a_line_that_is_counted_during_sales_differs_by_what_is_missing() -> None:
    """Each entry says what is on hand less one, whatever is sold at the same time."""
    shirt = product("SHIRT", 60)
    count = open_count(product_ids=[shirt])

    def count_again() -> None:
        with transaction() as session:
            on_hand = session.scalars(
                select(inventory.Stock.on_hand).where(inventory.Stock.product_id == shirt).with_for_update()
            ).one()  # nothing is sold between the shelf and the entry
            inventory.enter_lines(session, count, [of(shirt, on_hand - 1)], ANN)

    race([call for _ in range(10) for call in (partial(move, shirt, -2), count_again)])
    approve(count)
    book(count)
    assert (level(shirt), available(shirt)) == ((39, 0), 39)
