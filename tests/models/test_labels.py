"""What a carrier is asked for, and how its reports are applied, without workers."""

from itertools import permutations
from typing import Any

import pytest

from durable.ids import new_id
from models import catalogue, fulfilment, inventory, orders
from models.core.database import transaction
from models.fulfilment import Update
from settings import Settings
from tests.conftest import ADDRESS
from tests.models.sales import Sale
from tests.models.shelves import product
from tests.shopping import make_customer, make_product, place_order

CODE = "MA000000000001"
DONE = ("pre_transit", "in_transit", "delivered")


def update(count: int, second: int | None = None) -> Update:
    """The carrier's report after `count` things have happened to the parcel."""
    events: list[fulfilment.ReportedEvent] = [
        {"status": status, "description": f"It is {status}.", "place": "London", "at": f"2026-11-29T12:00:0{n}+00:00"}
        for n, status in enumerate(DONE[:count])
    ]
    status = DONE[count - 1] if count else "unknown"
    at = f"2026-11-29T12:00:0{count if second is None else second}+00:00"
    return {"id": f"evt_{count}", "tracking_number": CODE, "status": status, "changed_at": at, "events": events}


def record(*updates: Update) -> None:
    for one in updates:
        with transaction() as session:
            fulfilment.record_update(session, one)


def follow(parcel_id: str) -> tuple[str, list[str]]:
    """Applies the newest report; the status of the parcel, and of its events."""
    with transaction() as session:
        parcel = fulfilment.follow(session, parcel_id, "test")
        events = fulfilment.list_tracking(session, [parcel_id])[parcel_id]
        return parcel.status, [event.status for event in events]


@pytest.fixture
def parcel(database: None) -> str:
    """A parcel that has left with this tracking number."""
    sale = Sale(product("BOOK", 6))
    for act in sale.forwards():
        act()
    with transaction() as session:
        packed = fulfilment.pack(session, sale.id, tracking_number=CODE, actor=new_id("usr"))
        return fulfilment.ship(session, packed.id, "test").id


@pytest.mark.parametrize("turn", list(permutations(range(4))))
def test_reports_in_any_order_have_the_same_effect(parcel: str, turn: tuple[int, ...]) -> None:
    for count in turn:
        record(update(count), update(count))
        follow(parcel)
    assert follow(parcel) == ("delivered", [*DONE, "shipped"])  # the carrier's clock is behind


def test_of_two_reports_of_the_same_second_the_longer_one_is_newer(parcel: str) -> None:
    record(update(3, second=1), update(1, second=1), update(2, second=1))
    assert follow(parcel)[0] == "delivered"


def test_a_parcel_that_has_not_left_is_not_moved(database: None) -> None:
    sale = Sale(product("BOOK", 6))
    for act in sale.forwards():
        act()
    with transaction() as session:
        packed = fulfilment.pack(session, sale.id, tracking_number=CODE, actor=new_id("usr")).id
    record(update(3))
    assert follow(packed) == ("pending", list(DONE))
    with transaction() as session:
        fulfilment.cancel(session, packed, "test")
    assert follow(packed)[0] == "cancelled"


def test_a_lost_parcel_may_still_be_delivered(parcel: str) -> None:
    with transaction() as session:
        fulfilment.lose(session, parcel)
    record(update(2))
    assert follow(parcel)[0] == "lost"
    record(update(3))
    assert follow(parcel)[0] == "delivered"


@pytest.fixture
def placed(database: None) -> str:
    """An order of two shirts of unknown weight and of a lamp of 1.2 kg."""
    shirt, lamp = make_product("SHIRT", 5), make_product("LAMP", 5)
    with transaction() as session:
        found = session.get(catalogue.Product, lamp)
        assert found is not None
        found.attributes = {"weight_g": 1200.4}
        return place_order(session, make_customer("ada"), {shirt: 2, lamp: 1}).id


def describe(order_id: str, **chosen: Any) -> fulfilment.LabelRequest:
    with transaction() as session:
        order = orders.get(session, order_id)
        lines = {line.product_id: line.quantity for line in orders.lines_of(session, [order_id])[order_id]}
        return fulfilment.describe_shipment(session, order, None, lines, reference="ful_1", **chosen)


def test_a_label_is_for_the_weight_of_the_goods_and_from_the_warehouse(placed: str) -> None:
    asked = describe(placed)
    assert (asked["weight"], asked["carrier"], asked["service"]) == (2 * 500 + 1200, None, None)
    assert asked["sender"]["city"] == "Berlin"
    assert asked["recipient"] == {"name": "Ada Tester", **ADDRESS}
    quay = {"line1": "Quay 7", "city": "Rotterdam", "country": "NL"}
    with transaction() as session:
        warehouse = inventory.get_default_warehouse(session)
        inventory.update_warehouse(session, warehouse.id, {"address": {**quay, "country": "The Netherlands"}})
    assert describe(placed)["sender"]["city"] == "Berlin"  # carriers want the code of the country
    with transaction() as session:
        inventory.update_warehouse(session, warehouse.id, {"address": quay})
    assert describe(placed)["sender"] == {"name": "Shopflow", **quay}


def test_settings_name_the_service_the_weight_and_the_sender(placed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named = Settings(
        label_service="Albatross Standard", item_weight=100, sender_address="1 Pier;;Oslo;NO", seller_name="Fjord"
    )
    monkeypatch.setattr("models.fulfilment.labels.settings", named)
    asked = describe(placed)
    assert (asked["weight"], asked["carrier"], asked["service"]) == (1400, "Albatross", "Standard")
    assert asked["sender"] == {"name": "Fjord", "line1": "1 Pier", "city": "Oslo", "country": "NO"}
    assert (describe(placed, carrier="Marathon")["carrier"], describe(placed, carrier="Marathon")["service"]) == (
        "Marathon", None,
    )  # fmt: skip
