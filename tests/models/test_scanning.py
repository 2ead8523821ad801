"""Goods that are scanned before they are booked, and adjustments that are undone."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import catalogue, inventory
from models.core.database import transaction
from models.core.errors import NotFound, ShopError
from models.inventory import Movement
from tests.models.shelves import available, broken, product, warehouse
from tests.models.stock_counting import open_count


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def bought(**lines: int) -> str:
    with transaction() as session:
        return inventory.restock(session, {product(sku): units for sku, units in lines.items()}).id


def sent(product_id: str, units: int) -> str:
    target = warehouse("Annex")
    with transaction() as session:
        source = inventory.get_default_warehouse(session).id
        made = inventory.request_transfer(session, source, target, {product_id: units})
        return inventory.send_transfer(session, made.id).id


def do(act: Callable[..., Any], *values: Any) -> Any:
    with transaction() as session:
        return act(session, *values)


def refused(act: Callable[..., Any], *values: Any) -> str:
    with pytest.raises(ShopError) as error:
        do(act, *values)
    return error.value.code


def scanned(order_id: str) -> dict[str, tuple[int, int]]:
    with transaction() as session:
        lines = inventory.get_purchase_lines(session, [order_id])[order_id]
        return {line.sku: (line.scanned, line.delivered) for line in lines}


def barcode(product_id: str, code: str, name: str = "barcode") -> None:
    with transaction() as session:
        found = session.get_one(catalogue.Product, product_id)
        found.attributes = {**found.attributes, name: code}


def test_each_scan_of_a_delivery_adds_one_until_it_is_booked() -> None:
    order_id = bought(BOOK=3, HAT=5)
    for _ in range(3):
        do(inventory.scan_delivery, order_id, "BOOK", 1)
    do(inventory.scan_delivery, order_id, "HAT", 4)
    do(inventory.scan_delivery, order_id, "HAT", -1)
    assert refused(inventory.scan_delivery, order_id, "BOOK", 1) == "more_than_ordered"
    assert refused(inventory.scan_delivery, order_id, "BOOK", -4) == "nothing_scanned"
    assert scanned(order_id) == {"BOOK": (3, 0), "HAT": (3, 0)}
    do(inventory.book_scanned_delivery, order_id, "usr_x")
    assert scanned(order_id) == {"BOOK": (0, 3), "HAT": (0, 3)}
    assert refused(inventory.book_scanned_delivery, order_id, "usr_x") == "nothing_scanned"
    assert refused(inventory.scan_delivery, order_id, "HAT", 3) == "more_than_ordered"


def test_codes_are_skus_and_barcodes_and_others_are_refused() -> None:
    order_id = bought(BOOK=3, HAT=5)
    other, twin = product("OTHER"), product("TWIN")
    with transaction() as session:
        ids = {line.sku: line.product_id for line in inventory.get_purchase_lines(session, [order_id])[order_id]}
    barcode(ids["BOOK"], "4006381333931")
    assert do(inventory.scan_delivery, order_id, "4006381 333931", 1).sku == "BOOK"
    assert refused(inventory.scan_delivery, order_id, "nothing", 1) == "unknown_code"
    assert refused(inventory.scan_delivery, order_id, "OTHER", 1) == "not_expected"
    barcode(other, "4006381333931")
    assert do(inventory.scan_delivery, order_id, "4006381333931", 1).sku == "BOOK", "only one of them was ordered"
    barcode(ids["HAT"], "4006381333931")
    assert refused(inventory.scan_delivery, order_id, "4006381333931", 1) == "ambiguous_barcode"
    barcode(twin, "97")
    barcode(other, "97")
    assert refused(inventory.scan_delivery, order_id, "97", 1) == ("ambiguous_barcode")
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, ids["HAT"]))
    assert do(inventory.scan_delivery, order_id, "HAT", 1).scanned == 1, "it was ordered, so it comes"


def test_what_was_scanned_can_be_discarded_and_closed_orders_take_no_scans() -> None:
    order_id = bought(BOOK=3)
    do(inventory.scan_delivery, order_id, "BOOK", 2)
    do(inventory.discard_scanned, order_id)
    assert scanned(order_id) == {"BOOK": (0, 0)}
    do(inventory.scan_delivery, order_id, "BOOK", 2)
    do(inventory.receive, order_id, dict.fromkeys(_products(order_id), 3), "usr_x")
    assert refused(inventory.book_scanned_delivery, order_id, "usr_x") == "more_than_ordered"
    assert refused(inventory.scan_delivery, order_id, "BOOK", 1) == "more_than_ordered"
    do(inventory.receive_deliveries, order_id)
    assert refused(inventory.scan_delivery, order_id, "BOOK", 1) == "wrong_state"
    with pytest.raises(NotFound):
        do(inventory.scan_delivery, "po_" + "0" * 32, "BOOK", 1)


def _products(order_id: str) -> list[str]:
    with transaction() as session:
        return [line.product_id for line in inventory.get_purchase_lines(session, [order_id])[order_id]]


def test_a_transfer_is_received_as_far_as_it_was_scanned() -> None:
    book = product("BOOK", 5)
    transfer_id = sent(book, 4)
    do(inventory.scan_transfer, transfer_id, "BOOK", 1)
    assert refused(inventory.scan_transfer, transfer_id, "BOOK", 4) == "more_than_sent"
    do(inventory.discard_scanned, transfer_id)
    assert refused(inventory.book_scanned_transfer, transfer_id, "usr_x") == "nothing_scanned"
    do(inventory.scan_transfer, transfer_id, "BOOK", 3)
    do(inventory.book_scanned_transfer, transfer_id, "usr_x")
    assert refused(inventory.scan_transfer, transfer_id, "BOOK", 1) == "wrong_state"
    do(inventory.take_in_transfer, transfer_id, "usr_x")
    assert available(book) == 4, "one was written off"


def test_each_scan_of_a_count_adds_to_what_was_counted() -> None:
    book = product("BOOK", 5)
    count_id = open_count({"product_id": book, "counted": 2})
    line = do(inventory.scan_counted, count_id, "BOOK", 1, "usr_x")
    assert (line.counted, line.expected, line.difference) == (3, 5, -2)
    assert do(inventory.scan_counted, count_id, "BOOK", -3, "usr_x").counted == 0
    assert refused(inventory.scan_counted, count_id, "BOOK", -1, "usr_x") == "nothing_scanned"
    assert refused(inventory.scan_counted, count_id, "HAT", 1, "usr_x") == "unknown_code"
    product("HAT")
    assert refused(inventory.scan_counted, count_id, "HAT", 1, "usr_x") == "not_in_count"
    do(inventory.scan_counted, count_id, "BOOK", inventory.MAX_LEVEL, "usr_x")
    assert refused(inventory.scan_counted, count_id, "BOOK", 1, "usr_x") == "invalid_fields"


def adjusted(product_id: str, units: int, actor: str | None = "usr_x", reference: str | None = None) -> str:
    return str(do(inventory.adjust, product_id, units, "found", None, actor, reference)[0].id)


def test_an_adjustment_is_undone_once_by_its_opposite() -> None:
    book = product("BOOK", 5)
    made = adjusted(book, 3)
    undone, level = do(inventory.undo_adjustment, made, "usr_y")
    assert (undone.quantity, undone.reference, undone.actor, level.on_hand) == (-3, made, "usr_y", 5)
    assert refused(inventory.undo_adjustment, made, "usr_x") == "already_undone"
    assert refused(inventory.undo_adjustment, undone.id, "usr_x") == "not_an_adjustment"
    with pytest.raises(NotFound):
        do(inventory.undo_adjustment, "mov_" + "0" * 32, "usr_x")


def test_other_movements_are_not_undone_and_neither_is_what_has_left() -> None:
    book = product("BOOK", 5)
    assert refused(inventory.undo_adjustment, adjusted(book, 1, None), "usr_x") == "not_an_adjustment"
    assert refused(inventory.undo_adjustment, adjusted(book, 1, "usr_x", "po_" + "0" * 32), "usr_x") == (
        "not_an_adjustment"
    )
    made = adjusted(book, 3)
    do(inventory.adjust, book, -9, "sold at the door")
    assert refused(inventory.undo_adjustment, made, "usr_x") == "insufficient_stock"
    with transaction() as session:
        assert session.scalar(select(Movement.id).where(Movement.reference == made)) is None


def test_customers_who_wait_for_a_product_are_counted(sign_in: Callable[..., Any]) -> None:
    book = product("BOOK")

    def waiting(session: Session) -> int:
        return inventory.count_waiting(session, book)

    assert do(waiting) == 0
    do(inventory.wait_for_stock, sign_in("ada").user_id, book)
    assert do(waiting) == 1
