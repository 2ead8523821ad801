"""A cart has one checkout at a time; a second one is refused until the first has released the cart."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from durable import queries
from local.waiting import wait_until
from models import carts, orders
from models.core.database import engine, single_statements, transaction
from models.core.errors import Conflict
from tests.conftest import ADDRESS
from tests.models.racing import is_blocked
from tests.shopping import make_customer, make_product


@pytest.fixture
def user(database: None) -> str:
    return make_customer("ada")


def fill(user: str, sku: str, quantity: int = 2) -> str:
    product_id = make_product(sku, 10)
    with transaction() as session:
        carts.add(session, user, product_id, quantity)
    return product_id


def place(user: str) -> orders.Placed:
    with transaction() as session:
        placed = orders.place(session, user, ADDRESS, "pm_card_visa")
        session.info.clear()  # not to be published
    return placed


def cancel(placed: orders.Placed) -> None:
    with transaction() as session:
        orders.cancel(session, placed.id, {"code": "payment_declined", "detail": "No."})


def take_out(user: str, placed: orders.Placed) -> None:
    with transaction() as session:
        about = queries.get_run(session, placed.run_id).input
        carts.remove_ordered(session, user, placed.id, about["quantities"])


def refused(user: str) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        place(user)
    return refusal.value


def count_orders() -> int:
    with single_statements() as connection:
        return int(connection.scalar(text('SELECT count(*) FROM orders."order"')))


def test_a_second_checkout_of_a_cart_names_the_one_in_progress(user: str) -> None:
    fill(user, "TEA")
    first = place(user)
    refusal = refused(user)
    assert refusal.code == "checkout_in_progress"
    assert (refusal.extra["order_id"], refusal.extra["task_id"]) == (first.id, first.run_id)
    assert count_orders() == 1


def test_a_confirmed_order_keeps_the_cart_until_its_lines_are_removed(user: str) -> None:
    fill(user, "TEA")
    first = place(user)
    with transaction() as session:
        orders.confirm(session, first.id)
    assert refused(user).code == "checkout_in_progress"
    take_out(user, first)
    assert refused(user).code == "cart_empty"
    fill(user, "CUP")
    assert place(user).id != first.id


def test_a_cancelled_order_releases_the_cart_unchanged(user: str) -> None:
    tea = fill(user, "TEA")
    first = place(user)
    cancel(first)
    second = place(user)
    with transaction() as session:
        assert queries.get_run(session, second.run_id).input["quantities"] == {tea: 2}


def test_a_repeated_cancellation_does_not_affect_the_next_checkout(user: str) -> None:
    fill(user, "TEA")
    first = place(user)
    cancel(first)
    second = place(user)
    cancel(first)
    assert refused(user).extra["order_id"] == second.id


def test_a_cart_emptied_during_its_checkout_stays_in_checkout(user: str) -> None:
    fill(user, "TEA")
    first = place(user)
    with transaction() as session:
        carts.clear(session, user)
    assert refused(user).code == "checkout_in_progress"
    take_out(user, first)
    assert refused(user).code == "cart_empty"


def test_items_merged_during_a_checkout_belong_to_the_next_order(user: str) -> None:
    fill(user, "TEA")
    first = place(user)
    cup = make_product("CUP", 10)
    with transaction() as session:
        cart_id, token = carts.open_guest_cart(session)
        carts.add(session, cart_id, cup, 1)
    with transaction() as session:
        carts.merge(session, user, token)
    assert refused(user).code == "checkout_in_progress"
    take_out(user, first)
    with transaction() as session:
        assert queries.get_run(session, place(user).run_id).input["quantities"] == {cup: 1}


def test_a_checkout_ends_even_if_its_cart_is_deleted(user: str) -> None:
    fill(user, "TEA")
    first = place(user)
    with transaction() as session:
        carts.erase_user(session, user)
    take_out(user, first)
    cancel(first)


def test_concurrent_checkouts_place_one_order(user: str) -> None:
    fill(user, "TEA")

    def outcome(_: int) -> Any:
        try:
            return place(user).id
        except Conflict as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, range(8)))
    assert outcomes.count("checkout_in_progress") == 7
    assert count_orders() == 1


def test_a_checkout_that_waits_is_refused_if_the_first_commits(user: str) -> None:
    fill(user, "TEA")
    with ThreadPoolExecutor(1) as others:
        with transaction() as session:
            orders.place(session, user, ADDRESS, "pm_card_visa")
            session.info.clear()
            second = others.submit(refused, user)
            assert wait_until(is_blocked, 60)
        assert second.result(10).code == "checkout_in_progress"
    assert count_orders() == 1


def test_a_checkout_that_waits_succeeds_if_the_first_rolls_back(user: str) -> None:
    fill(user, "TEA")
    with ThreadPoolExecutor(1) as others:
        with Session(engine()) as session:  # rolled back at the end of the block
            orders.place(session, user, ADDRESS, "pm_card_visa")
            second: Future[orders.Placed] = others.submit(place, user)
            assert wait_until(is_blocked, 60)
        second.result(10)
    assert count_orders() == 1


def test_a_checkout_that_waits_for_a_removal_orders_the_remaining_items(user: str) -> None:
    tea, cup = fill(user, "TEA", 3), fill(user, "CUP", 1)
    first = place(user)
    with transaction() as session:
        carts.add(session, user, tea, 1)  # one more than was ordered
    with ThreadPoolExecutor(1) as others:
        with transaction() as session:
            carts.remove_ordered(session, user, first.id, {tea: 3, cup: 1})
            second: Future[orders.Placed] = others.submit(place, user)
            assert wait_until(is_blocked, 60)
        placed = second.result(10)
    with transaction() as session:
        assert queries.get_run(session, placed.run_id).input["quantities"] == {tea: 1}
