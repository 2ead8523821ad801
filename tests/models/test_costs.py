"""The average cost of a level: it moves with units that come at a known cost, and with nothing else."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import select

from durable.ids import new_id
from models import inventory
from models.core.database import transaction
from tests.models.shelves import broken, move, product, warehouse


def average(product_id: str, warehouse_id: str | None = None) -> Decimal | None:
    with transaction() as session:
        at = warehouse_id or inventory.get_default_warehouse(session).id
        stock = inventory.Stock
        query = select(stock.average_cost).where(stock.product_id == product_id, stock.warehouse_id == at)
        return session.scalars(query).one()


def buy(product_id: str, quantity: int, cost: int | None, warehouse_id: str | None = None) -> None:
    costs = {} if cost is None else {product_id: cost}
    with transaction() as session:
        order = inventory.restock(session, {product_id: quantity}, warehouse_id, costs=costs)
        inventory.receive(session, order.id, {product_id: quantity}, None)
        inventory.receive_deliveries(session, order.id)


def test_the_average_moves_with_each_delivery(book: str) -> None:
    cup = product("CUP")
    buy(cup, 10, 200)
    assert average(cup) == 200
    buy(cup, 30, 400)
    assert average(cup) == 350
    move(cup, -30)
    buy(cup, 5, 351)
    assert average(cup) == Decimal("350.333333")
    move(cup, -15)
    buy(cup, 1, 100)  # nothing is left of what was bought before
    assert average(cup) == 100
    assert average(book) is None
    assert broken() == []


def test_units_without_a_known_cost_come_at_the_average(book: str) -> None:
    buy(book, 100, None)
    assert average(book) is None
    buy(book, 10, 300)
    assert average(book) == 300  # those that were there are valued at it as well
    move(book, 1000)
    assert average(book) == 300
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
        inventory.receive_stock(session, main, {book: 4}, "return", new_id("ret"), None, written_off={book: 1})
    assert average(book) == 300
    assert broken() == []


def test_a_purchase_order_has_the_last_price_unless_another_is_given(book: str) -> None:
    buy(book, 1, 300)
    with transaction() as session:
        bought = [inventory.restock(session, {book: 1}), inventory.restock(session, {book: 1}, costs={book: 280})]
        bought.append(inventory.restock(session, {book: 1}))
        lines = inventory.get_purchase_lines(session, [order.id for order in bought])
    assert [lines[order.id][0].unit_cost for order in bought] == [300, 280, 280]


def test_a_transfer_takes_its_cost_along(book: str) -> None:
    annex = warehouse("Annex")
    buy(book, 10, 300)
    buy(book, 10, 100, annex)
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
        transfer = inventory.request_transfer(session, main, annex, {book: 40}).id
        inventory.send_transfer(session, transfer)
    buy(book, 100, 900)  # what is bought meanwhile does not change what is under way
    with transaction() as session:
        inventory.receive_transfer(session, transfer, {book: 30}, None)
        inventory.take_in_transfer(session, transfer, None)
    assert average(book, annex) == 250  # 10 at 100, and the 30 that have arrived at 300
    assert broken() == []


def test_goods_that_are_taken_back_do_not_change_the_average(book: str) -> None:
    annex = warehouse("Annex")
    buy(book, 10, 300)
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
        transfer = inventory.request_transfer(session, main, annex, {book: 40}).id
        inventory.send_transfer(session, transfer)
        inventory.take_back_transfer(session, transfer)
    assert average(book) == 300
    assert broken() == []


def test_deliveries_at_once_have_one_average(database: None) -> None:
    cup = product("CUP")
    with ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(buy, cup, 10, 100 * n) for n in range(1, 9)]:
            one.result()
    assert average(cup) == pytest.approx(Decimal(450), abs=Decimal("0.0001"))  # each delivery rounds to six places
    assert broken() == []
