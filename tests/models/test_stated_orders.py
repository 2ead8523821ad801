"""Rows are listed, and locked, in an order that does not depend on where they lie. Each test stores them in another."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Select, insert, select, update

from durable import queries
from durable.ids import new_id
from durable.tables import AttemptRecord, RunRecord, StepRecord
from local.waiting import wait_until
from models import accounts, catalogue, fulfilment, inventory, returns, webhooks
from models.catalogue import Product
from models.core import event_log
from models.core.database import transaction
from models.core.errors import Conflict
from models.core.events import StockRecovered
from models.inventory.low_stock import announce
from models.webhooks import Delivery
from models.webhooks.deliveries import Known, record
from tests.models.racing import is_blocked
from tests.models.shelves import product
from tests.shopping import make_customer
from web.ops.reading import read_attempts, read_steps

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def endpoint() -> str:
    with transaction() as session:
        return webhooks.create_endpoint(session, "https://warehouse.example/events", (), "").id


def wait(endpoint_id: str, *positions: int) -> dict[int, str]:
    """Stores deliveries that were never attempted. Returns position → event."""
    events = {position: new_id("evt") for position in positions}
    rows = [
        {"id": new_id("whd"), "endpoint_id": endpoint_id, "event_id": event, "position": position, "due_at": NOW,
         "type": "order.created"}
        for position, event in events.items()
    ]  # fmt: skip
    with transaction() as session:
        session.execute(insert(Delivery), rows)
    return events


def test_the_first_deliveries_of_each_endpoint_wait_before_later_ones() -> None:
    disabled, one, other = endpoint(), endpoint(), endpoint()
    wait(disabled, 1, 2, 3)
    of_one, of_other = wait(one, 6, 5, 4), wait(other, 9, 8, 7)
    with transaction() as session:
        webhooks.update_endpoint(session, disabled, {"status": "disabled"})
        found = webhooks.waiting(session, 2)
    assert found == [(one, of_one[4]), (one, of_one[5]), (other, of_other[7]), (other, of_other[8])]


def test_deliveries_are_recorded_in_the_order_of_the_feed() -> None:
    made = endpoint()
    events = wait(made, 1, 2)
    done = [Known(made, events[position], position, "order.created", 1, None) for position in (2, 1)]

    def write() -> None:
        with transaction() as session:
            record(session, done, [], [], [], [])

    first, later = (select(Delivery.id).where(Delivery.event_id == events[position]) for position in (1, 2))
    assert_waits_without(write, first, later)


def test_the_products_of_a_group_are_locked_in_the_order_of_imports() -> None:
    ids = {sku: product(sku) for sku in ("B", "A")}
    with transaction() as session:
        members = [(ids["A"], {"Size": "S"}), (ids["B"], {"Size": "M"})]
        group = catalogue.create_group(session, {"title": "Shirt", "options": [{"name": "Size"}]}, members)

    def rename() -> None:
        with transaction() as session:
            catalogue.update_group(session, catalogue.get_group(session, group.id, lock=True), {"title": "Shirts"})

    first, later = (select(Product.id).where(Product.sku == sku) for sku in ("A", "B"))
    assert_waits_without(rename, first, later)


def assert_waits_without(write: Callable[[], None], first: Select[str], later: Select[str]) -> None:
    """Asserts that `write`, while it waits for the first row, has not locked the later one."""
    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            assert session.scalar(first.with_for_update(key_share=True))
            writing = pool.submit(write)
            assert wait_until(is_blocked, 40)
            with transaction() as another:
                assert another.scalar(later.with_for_update(nowait=True, key_share=True))
        writing.result()


def test_steps_and_attempts_of_the_same_instant_are_listed_by_name() -> None:
    run_id = new_id("run")
    with transaction() as session:
        session.execute(insert(RunRecord).values(id=run_id, workflow="x", key="x", input={}, lease_until=NOW))
        for name in ("c", "a", "b"):
            about = {"run_id": run_id, "started_at": NOW}
            session.execute(insert(StepRecord).values(**about, name=name, status="done", queue="orders"))
            session.execute(insert(AttemptRecord).values(**about, step=name, number=1, error={}, ended_at=NOW))
    with transaction() as session:
        assert [step.name for step in queries.steps_of_run(session, run_id)] == ["a", "b", "c"]
        assert [step.name for step in queries.run_with_steps(session, run_id)[1]] == ["a", "b", "c"]
        assert [step.name for step in read_steps(session, run_id)] == ["a", "b", "c"]
        assert [one.step for one in queries.attempts_of_run(session, run_id)] == ["a", "b", "c"]
        assert [one.step for one in read_attempts(session, run_id)[0]] == ["a", "b", "c"]


def test_events_of_several_levels_are_told_by_product() -> None:
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
        levels = [inventory.Stock(product_id=new_id("prd"), warehouse_id=main, on_hand=1, reserved=0) for _ in range(3)]
        announce(session, StockRecovered, reversed(levels))
    with transaction() as session:
        told = select(event_log.Event.subject).where(event_log.Event.name == "stock.recovered")
        subjects = session.scalars(told.order_by(event_log.Event.ordinal)).all()
    assert subjects == [level.product_id for level in levels]


def test_products_with_the_same_barcode_are_found_oldest_first() -> None:
    newer, older = product("NEWER"), "prd_" + "0" * 31 + "1"
    with transaction() as session:
        session.execute(update(Product).where(Product.id == product("OLDER")).values(id=older))
        session.execute(update(Product).values(attributes={"barcode": "97"}))
    with transaction() as session:
        found = catalogue.identify(session, barcodes=["97"])
    assert [one.product_id for one in found] == [older, newer]


def test_what_can_be_returned_is_listed_by_product() -> None:
    order_id, parcel_id = new_id("ord"), new_id("ful")
    products = sorted((new_id("prd") for _ in range(12)), key=lambda one: one[::-1])
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
        session.execute(insert(fulfilment.Parcel).values(
            id=parcel_id, order_id=order_id, warehouse_id=main, status="delivered", delivered_at=NOW,
            run_id=new_id("run"),
        ))  # fmt: skip
        for product_id in products:
            row = {"parcel_id": parcel_id, "product_id": product_id, "quantity": 1}
            session.execute(insert(fulfilment.ParcelLine).values(row))
    with transaction() as session:
        assert list(returns.list_returnable(session, order_id)) == sorted(products)


def test_the_tasks_that_keep_an_account_open_are_listed_oldest_first() -> None:
    user_id = make_customer("ada")
    runs = [new_id("run") for _ in range(3)]
    with transaction() as session:
        for run_id in reversed(runs):
            session.execute(insert(RunRecord).values(
                id=run_id, workflow="checkout", key=run_id, input={}, owner=user_id,
                lease_until=NOW + timedelta(days=9999),
            ))  # fmt: skip
    with pytest.raises(Conflict) as refused, transaction() as session:
        accounts.close(session, user_id)
    assert refused.value.extra["tasks"] == runs
