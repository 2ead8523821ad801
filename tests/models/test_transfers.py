"""Transfers between warehouses: what leaves, what is in transit, and what arrives."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from models import inventory
from models.core.database import transaction
from models.core.errors import InsufficientStock, Invalid, NotFound, ShopError
from tests.models.racing import race
from tests.models.shelves import available, broken, move, product, reserve, warehouse


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def main() -> str:
    with transaction() as session:
        return inventory.get_default_warehouse(session).id


def request(lines: dict[str, int], target: str, source: str | None = None) -> str:
    with transaction() as session:
        return inventory.request_transfer(session, source or main(), target, lines).id


def send(transfer_id: str) -> None:
    with transaction() as session:
        inventory.send_transfer(session, transfer_id)


def receive(transfer_id: str, lines: dict[str, int] | None = None) -> None:
    with transaction() as session:
        inventory.receive_transfer(session, transfer_id, lines, "usr_x")


def cancel(transfer_id: str) -> None:
    with transaction() as session:
        inventory.cancel_transfer(session, transfer_id, "usr_x")


def take_in(transfer_id: str) -> str:
    with transaction() as session:
        return inventory.take_in_transfer(session, transfer_id, "usr_x").status


def take_back(transfer_id: str) -> str:
    with transaction() as session:
        inventory.take_back_transfer(session, transfer_id)
        return inventory.close_refused_transfer(session, transfer_id).status


def levels(product_id: str) -> dict[str, tuple[int, int]]:
    """Warehouse → units on hand, and in transit to it."""
    with transaction() as session:
        found = inventory.list_product_levels(session, product_id)
    return {level["warehouse_id"]: (level["on_hand"], level["in_transit"]) for level in found}


def moved(transfer_id: str) -> list[tuple[str, int]]:
    with transaction() as session:
        table = inventory.Movement
        found = session.scalars(select(table).where(table.reference == transfer_id).order_by(table.id))
        return [(movement.reason, movement.quantity) for movement in found]


def refusal(call: Callable[[], object]) -> ShopError:
    with pytest.raises(ShopError) as refused:
        call()
    return refused.value


def test_goods_leave_are_in_transit_and_arrive_once() -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    sent = request({book: 4}, annex)
    assert levels(book) == {main(): (10, 0)}
    send(sent)
    assert levels(book) == {main(): (6, 0), annex: (0, 4)}
    assert (available(book), broken()) == (6, [])
    assert take_in(sent) == "in_transit"
    receive(sent)
    assert [take_in(sent), take_in(sent)] == ["received", "received"]
    assert levels(book) == {main(): (6, 0), annex: (4, 0)}
    assert moved(sent) == [("transfer", -4), ("transfer", 4)]


def test_what_has_not_arrived_is_written_off() -> None:
    book, hat, annex = product("BOOK", 10), product("HAT", 3), warehouse("Annex")
    sent = request({book: 4, hat: 3}, annex)
    send(sent)
    receive(sent, {book: 1})
    take_in(sent)
    assert (levels(book)[annex], levels(hat)[annex]) == ((1, 0), (0, 0))
    assert sorted(moved(sent)) == [
        ("transfer", -4), ("transfer", -3), ("transfer", 3), ("transfer", 4), ("write-off", -3), ("write-off", -3),
    ]  # fmt: skip


def test_more_than_was_sent_is_refused() -> None:
    book, hat, annex = product("BOOK", 10), product("HAT", 3), warehouse("Annex")
    sent = request({book: 4}, annex)
    send(sent)
    refused = refusal(lambda: receive(sent, {book: 5, hat: 0}))
    assert (refused.code, refused.extra["lines"]) == (
        "more_than_sent", [{"product_id": book, "sent": 4}, {"product_id": hat, "sent": 0}],
    )  # fmt: skip
    receive(sent, {book: 4})
    assert take_in(sent) == "received"


def test_reserved_units_are_not_transferred() -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    reserve({book: 7})
    refused = refusal(lambda: request({book: 4}, annex))
    assert isinstance(refused, InsufficientStock)
    assert refused.extra["lines"] == [{"product_id": book, "requested": 4, "available": 3}]
    late = request({book: 3}, annex)
    reserve({book: 1})
    assert refusal(lambda: send(late)).extra["lines"] == [{"product_id": book, "requested": 3, "available": 2}]
    assert (take_back(late), levels(book)) == ("cancelled", {main(): (10, 0)})


def test_an_unknown_product_or_warehouse_or_the_same_warehouse_is_refused() -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    assert isinstance(refusal(lambda: request({book: 1}, "wh_" + 32 * "0")), NotFound)
    assert refusal(lambda: request({"prd_" + 32 * "0": 1}, annex)).extra["products"] == ["prd_" + 32 * "0"]
    assert isinstance(refusal(lambda: request({book: 1}, main())), Invalid)


def test_goods_in_transit_take_up_capacity_in_the_target() -> None:
    book, small = product("BOOK", 10), warehouse("Small", book=5)
    assert refusal(lambda: request({book: 6}, small)).extra == {"remaining": 5}
    sent = request({book: 3}, small)
    for more in (lambda: request({book: 3}, small), lambda: move(book, 3, small)):
        assert (refusal(more).code, refusal(more).extra) == ("capacity_exceeded", {"remaining": 2})
    send(sent)
    assert refusal(lambda: request({book: 3}, small)).extra == {"remaining": 2}
    with transaction() as session:
        inventory.update_warehouse(session, small, {"status": "closed", "capacity": {"book": 1}})
    receive(sent)  # the goods are there
    assert (take_in(sent), levels(book)[small]) == ("received", (3, 0))
    assert refusal(lambda: request({book: 1}, small)).code == "warehouse_closed"


def test_a_cancelled_transfer_is_back_in_the_source() -> None:
    book, annex = product("BOOK", 10), warehouse("Annex", book=4)
    sent = request({book: 4}, annex)
    send(sent)
    cancel(sent)
    assert refusal(lambda: take_in(sent)).code == "transfer_cancelled"
    for late in (lambda: receive(sent), lambda: cancel(sent)):
        assert (refusal(late).code, refusal(late).extra["possible"]) == ("wrong_state", ["cancelled"])
    assert [take_back(sent), take_back(sent)] == ["cancelled", "cancelled"]
    assert levels(book) == {main(): (10, 0)}
    assert moved(sent) == [("transfer", -4), ("transfer", 4)]
    assert refusal(lambda: receive(sent)).extra == {"current": "cancelled", "possible": []}
    request({book: 4}, annex)  # the capacity is free again


def test_a_receipt_before_the_run_is_cancelled_is_kept() -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    sent = request({book: 4}, annex)
    assert refusal(lambda: receive(sent)).extra["current"] == "requested"
    send(sent)
    receive(sent, {book: 3})
    assert refusal(lambda: cancel(sent)).extra["possible"] == ["received"]
    assert (take_back(sent), levels(book)[annex]) == ("received", (3, 0))


def test_low_stock_follows_a_transfer() -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    with transaction() as session:
        inventory.set_threshold(session, book, None, 6, None)
    sent = request({book: 4}, annex)
    send(sent)
    with transaction() as session:
        assert [stock.product_id for stock, *_ in session.execute(inventory.select_levels(low=True))] == [book]
    take_back(sent)
    with transaction() as session:
        assert session.execute(inventory.select_levels(low=True)).all() == []


def test_the_last_unit_is_either_sold_or_transferred() -> None:
    annex = warehouse("Annex")
    for number in range(10):
        book = product(f"BOOK-{number}", 1)
        sent = request({book: 1}, annex)
        done = race([partial(send, sent), partial(reserve, {book: 1})])
        assert sum(done) == 1
        take_back(sent)


def test_a_transfer_is_received_or_cancelled_once() -> None:
    annex = warehouse("Annex")
    book = product("BOOK", 40)
    for _ in range(5):
        sent = request({book: 4}, annex)
        send(sent)
        assert sum(race([partial(receive, sent, {book: 3})] * 3 + [partial(cancel, sent)] * 2)) == 1
        with ThreadPoolExecutor(4) as pool:
            ends = set(pool.map(lambda sent: take_in(sent) if is_received(sent) else take_back(sent), [sent] * 4))
        assert ends in ({"received"}, {"cancelled"})


def is_received(transfer_id: str) -> bool:
    with transaction() as session:
        return inventory.get_transfer(session, transfer_id).received_at is not None


def test_transfers_at_once_share_the_last_capacity_and_stock() -> None:
    books = [product(f"BOOK-{n}", 4) for n in range(8)]
    small = warehouse("Small", book=10)
    assert sum(race([partial(request, {book: 4}, small) for book in books])) == 2
    hat, annex = product("HAT", 10), warehouse("Annex")
    sent = [request({hat: 4}, annex) for _ in range(6)]
    assert sum(race([partial(send, one) for one in sent])) == 2
    assert levels(hat) == {main(): (2, 0), annex: (0, 8)}


def test_the_audit_finds_goods_lost_in_transit() -> None:
    book, annex = product("BOOK", 10), warehouse("Annex")
    sent = request({book: 4}, annex)
    send(sent)
    with transaction() as session:
        inventory.adjust(session, book, 1, "transfer", annex, reference=sent)
    assert broken() == ["goods in transit are what transfers have taken out and not put in"]
    with transaction() as session:
        inventory.adjust(session, book, -1, "transfer", annex, reference=sent)
