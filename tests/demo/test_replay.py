"""The parts of a replay: its journal, the queues per customer, and products with changing prices."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.replay import per_customer_queue, summarise
from demo.replay.goods import Products
from demo.replay.journal import Entry, Journal
from demo.replay.retail import COLUMNS, Invoice, Line
from models import catalogue, inventory
from models.core.database import transaction
from settings import settings


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "replay" / "journal.sqlite")
    yield found
    found.close()


def test_the_journal_keeps_the_latest_entry_of_each_invoice(tmp_path: Path, journal: Journal) -> None:
    entry = Entry("1", "17850", 500, 2, 3)
    journal.keep(entry)
    entry.order_id, entry.status = "ord_1", "confirmed"
    journal.keep(entry)
    journal.keep(Entry("2", "17850", 700, 1, 1))
    other = Journal(tmp_path / "replay" / "journal.sqlite")
    assert list(other.entries()) == [entry, Entry("2", "17850", 700, 1, 1)]
    assert other.find("1") == entry
    assert other.find("3") is None
    assert other.orders_of("17850") == {"ord_1"}
    assert other.orders_of("1") == set()
    other.close()


def test_only_unfinished_invoices_require_stock(tmp_path: Path, journal: Journal) -> None:
    file = tmp_path / "retail.csv"
    lines = [f"{number},71053,LANTERN,{number},2010-12-01 08:26:00,1.00,17850.0,UK" for number in (1, 2, 4)]
    file.write_text("\n".join([",".join(COLUMNS), *lines]))
    journal.keep(Entry("1", "17850", 100, 1, 1, order_id="ord_1", status="confirmed"))
    journal.keep(Entry("2", "17850", 200, 1, 2, order_id="ord_2"))
    summary = summarise(file, None, journal)
    assert (summary.orders, summary.earlier, summary.units, summary.value) == (3, 1, 7, 700)
    assert summary.demand == {"71053": 6}


def test_customers_run_concurrently_and_each_ones_invoices_in_order() -> None:
    served: list[tuple[str, str]] = []
    busy: set[str] = set()
    most, guard = 0, threading.Lock()

    def work(invoice: Invoice) -> None:
        nonlocal most
        with guard:
            assert invoice.customer not in busy
            busy.add(invoice.customer)
            most = max(most, len(busy))
            served.append((invoice.customer, invoice.number))
        time.sleep(0.001)
        with guard:
            busy.remove(invoice.customer)

    wanted = [Invoice(str(number), customer=str(number % 7)) for number in range(200)]
    per_customer_queue.run(wanted, work, concurrency=4)
    assert len(served) == 200
    assert 1 < most <= 4
    for customer in map(str, range(7)):
        assert [n for c, n in served if c == customer] == [i.number for i in wanted if i.customer == customer]


def test_an_error_stops_new_invoices() -> None:
    begun = []

    def work(invoice: Invoice) -> None:
        begun.append(invoice.number)
        if invoice.number == "5":
            raise OSError("the shop has burned down")

    with pytest.raises(OSError, match="burned down"):
        per_customer_queue.run(
            (Invoice(str(number), customer=str(number % 3)) for number in range(1000)), work, concurrency=2
        )
    assert len(begun) < 100


def offer(sku: str = "71053", price: int = 339, title: str = "LANTERN") -> Line:
    return Line(sku, title, 1, price)


def price_of(products: Products, sku: str = "71053") -> int:
    with transaction() as session:
        return catalogue.get_product(session, products.ids[sku]).price_amount


@pytest.mark.usefixtures("database")
def test_stock_is_raised_to_the_demand_once() -> None:
    lines = [offer(), offer("85123A", 255)]
    for demand, levels in (
        ({"71053": 5, "85123A": 0}, [5, 0]), ({"71053": 5, "85123A": 0}, [5, 0]), ({"71053": 8, "85123A": 3}, [8, 3]),
    ):  # fmt: skip
        products = Products()
        products.ensure_stock(lines, Counter(demand), settings.currency)
        with transaction() as session:
            available = inventory.get_available(session, products.ids.values())
        assert [available[products.ids[line.sku]] for line in lines] == levels


@pytest.mark.usefixtures("database")
def test_a_price_is_held_until_its_last_user_is_done() -> None:
    products = Products()
    products.ensure_stock([offer()], Counter({"71053": 1}), settings.currency)
    changed = threading.Event()

    def at_a_higher_price() -> None:
        with products.at_prices_of([offer(price=375, title="LANTERN (NEW)")]):
            assert price_of(products) == 375
            changed.set()

    with products.at_prices_of([offer()]):
        other = threading.Thread(target=at_a_higher_price)
        other.start()
        with products.at_prices_of([offer()]):  # does not wait, because the price is the same
            assert not changed.wait(0.2)
            assert price_of(products) == 339
    assert changed.wait(10)
    other.join()
    with transaction() as session:
        assert catalogue.get_product(session, products.ids["71053"]).title == "LANTERN (NEW)"
