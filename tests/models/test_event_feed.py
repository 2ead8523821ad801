"""The feed of public events: positions without gaps, late commits, the order of a subject, and what is announced."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import catalogue, inventory, payments
from models.core import event_feed, event_log
from models.core.database import engine, transaction
from models.core.event_log import Event
from models.core.events import PUBLIC_TYPES, AccountRegistered, OrderConfirmed, OrderCreated
from models.operations import retention
from tests.models.auditing import broken, change, ledger
from tests.models.sales import Sale
from tests.models.shelves import product

PUBLISHED = {
    "dispute.closed": (1, "payment_id order_id transaction_id"),
    "dispute.opened": (1, "payment_id order_id transaction_id"),
    "fulfilment.delivered": (1, "parcel_id order_id"),
    "fulfilment.shipped": (1, "parcel_id order_id"),
    "incident.opened": (1, "incident state detail"),
    "incident.resolved": (1, "incident state detail"),
    "order.cancelled": (1, "order_id user_id"),
    "order.confirmed": (1, "order_id user_id"),
    "order.created": (1, "order_id user_id"),
    "order.lines_cancelled": (1, "order_id user_id lines"),
    "payment.captured": (1, "payment_id order_id transaction_id amount currency"),
    "payment.refunded": (1, "payment_id order_id transaction_id amount currency"),
    "product.changed": (1, "product_id sku change"),
    "refund.failed": (1, "payment_id order_id transaction_id"),
    "reservation.released": (1, "reservation_id reference status"),
    "return.received": (1, "return_id order_id"),
    "stock.changed": (
        1,
        "movement_id product_id warehouse_id quantity on_hand reserved available reason reference",
    ),
    "stock.low": (1, "product_id warehouse_id available reorder_point reorder_quantity"),
    "stock.recovered": (1, "product_id warehouse_id available reorder_point reorder_quantity"),
}
"""What other programs rely on. A version may gain members; for anything else, it becomes the next version."""


def emit(session: Session, subject: str, event: Any = OrderCreated) -> None:
    event_log.emit(session, event(order_id=subject, user_id=new_id("usr")))


def place_all() -> None:
    with transaction() as session:
        while event_feed.place_events(session):
            pass


def feed(**chosen: Any) -> list[event_feed.PublicEvent]:
    place_all()
    with transaction() as session:
        last = event_feed.last_position(session)
        return event_feed.read_after(session, 0, until=last, **{"limit": 1000, **chosen})


def test_published_schemas_do_not_change() -> None:
    found = {name: (event.version, [field.name for field in fields(event)]) for name, event in PUBLIC_TYPES.items()}  # type: ignore[arg-type]
    assert found == {name: (version, members.split()) for name, (version, members) in PUBLISHED.items()}


def test_public_events_get_positions_without_gaps_and_others_none() -> None:
    orders = [new_id("ord") for _ in range(5)]
    with transaction() as session:
        for order in orders:
            emit(session, order)
            event_log.emit(session, AccountRegistered(user_id=new_id("usr")))
    assert [(event.position, event.subject) for event in feed()] == [*enumerate(orders, 1)]
    with transaction() as session:
        others = session.scalars(select(Event).where(Event.name == "account.registered")).all()
        assert {(other.position, other.ordinal, other.version) for other in others} == {(None, None, None)}
        assert event_feed.place_events(session) == 0
        assert event_feed.last_position(session) == 5


def test_an_event_that_is_committed_late_gets_a_later_position() -> None:
    late, soon = new_id("ord"), new_id("ord")
    with Session(engine()) as slow:
        emit(slow, late)
        with transaction() as session:
            emit(session, soon)
        assert [event.subject for event in feed()] == [soon]
        slow.commit()
    assert [(event.position, event.subject) for event in feed()] == [(1, soon), (2, late)]


def test_events_of_a_subject_are_in_the_order_in_which_they_were_emitted_whatever_their_ids() -> None:
    order, low, high = new_id("ord"), new_id("evt"), new_id("evt")
    with transaction() as session:
        emit(session, order)
        emit(session, order, OrderConfirmed)
        for name, event_id in (("order.created", high), ("order.confirmed", low)):
            session.execute(update(Event).where(Event.name == name).values(id=event_id))
    assert [event.type for event in feed()] == ["order.created", "order.confirmed"]


def test_concurrent_relays_leave_no_gap_and_give_no_position_twice() -> None:
    def emit_some(_: int) -> None:
        for _ in range(20):
            with transaction() as session:
                emit(session, new_id("ord"))

    def place(_: int) -> None:
        for _ in range(20):
            with transaction() as session:
                event_feed.place_events(session, limit=7)

    with ThreadPoolExecutor(8) as threads:
        for done in [*threads.map(emit_some, range(4)), *threads.map(place, range(4))]:
            assert done is None
    assert [event.position for event in feed()] == list(range(1, 81))


def test_the_feed_is_read_by_type_and_subject() -> None:
    order, other = new_id("ord"), new_id("ord")
    with transaction() as session:
        for event in (OrderCreated, OrderConfirmed):
            for subject in (order, other):
                emit(session, subject, event)
    assert [event.subject for event in feed(types=["order.confirmed"])] == [order, other]
    assert [event.type for event in feed(subject=order)] == ["order.created", "order.confirmed"]
    assert [event.position for event in feed(limit=3)] == [1, 2, 3]
    assert feed(types=[]) == []


def test_every_movement_is_announced_with_the_level_after_it(sold: Sale, book: str) -> None:
    with transaction() as session:
        inventory.adjust(session, book, -10, "broken", actor="usr_x")
        warehouse = inventory.get_default_warehouse(session)
        inventory.receive_stock(session, warehouse.id, {book: 4}, "purchase order", "po_1", None)
    changes = feed(types=["stock.changed"])
    seen = [(event.data["reason"], event.data["quantity"], event.data["on_hand"]) for event in changes]
    assert seen == [("delivery", 100, 100), ("broken", -10, 90), ("purchase order", 4, 94)]
    with transaction() as session:
        movements = session.execute(inventory.select_movements(book).order_by(inventory.Movement.id)).scalars().all()
        level = session.scalars(select(inventory.Stock).where(inventory.Stock.product_id == book)).one()
        assert [event.data["movement_id"] for event in changes] == [movement.id for movement in movements]
        last = changes[-1]
        assert (last.subject, last.version) == (book, 1)
        members = ("on_hand", "reserved", "available")
        assert [last.data[name] for name in members] == [getattr(level, name) for name in members]
        shown = {field.name for field in fields(PUBLIC_TYPES["stock.changed"])}  # type: ignore[arg-type]
        assert set(last.data) == shown


def test_products_that_are_created_updated_or_deleted_are_announced() -> None:
    made = product("TEA", 1)
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, made), {"title": "Green tea"})
        catalogue.delete_product(session, catalogue.get_product(session, made))
    changes = [event.data for event in feed(types=["product.changed"])]
    assert changes == [{"product_id": made, "sku": "TEA", "change": what} for what in ("created", "updated", "deleted")]


def test_captures_and_refunds_are_announced(sold: Sale) -> None:
    with transaction() as session:
        payment_id = sold.payment_id
        capture = payments.request_capture(session, payment_id, None, owner=None)
        payments.settle_capture(session, capture.id, capture.amount, "ch_1")
        refund = payments.request_refund(session, payment_id, 1, "damaged", owner=None)
        payments.settle_refund(session, refund.id, "re_1", "succeeded")
        session.info.clear()  # their runs are not published
    money = [event for event in feed() if event.type.startswith("payment.")]
    assert [(event.type, event.subject, event.data["amount"]) for event in money] == [
        ("payment.captured", payment_id, capture.amount), ("payment.refunded", payment_id, 1),
    ]  # fmt: skip
    assert {event.data["order_id"] for event in money} == {sold.id}


@pytest.mark.parametrize("reached", [0, 1])
def test_old_events_are_kept_until_every_cursor_has_passed_them(reached: int) -> None:
    with transaction() as session:
        emit(session, new_id("ord"))
    place_all()
    with transaction() as session:
        event_feed.read_cursor(session, event_feed.EXCHANGE)
        event_feed.move_cursor(session, event_feed.EXCHANGE, reached)
        session.execute(
            text("""UPDATE workflow.event SET created_at = now() - interval '500 days',
            id = '0190a0a0-0000-7000-8000-000000000000'""")
        )
        assert retention.count(session, "events") == reached


def lag(statement: str) -> dict[str, list[str]]:
    """What the audit finds after a change, when a relay has placed three events."""
    with transaction() as session:
        for _ in range(3):
            emit(session, new_id("ord"))
    place_all()
    with transaction() as session:
        event_feed.read_cursor(session, event_feed.EXCHANGE)
        event_feed.move_cursor(session, event_feed.EXCHANGE, 3)
    assert broken(ledger()) == {}
    change(statement)
    return broken(ledger())


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [
        (
            "every public event gets a position",
            """UPDATE workflow.event SET position = NULL, created_at = now() - interval '2 min' WHERE position = 3;
            UPDATE workflow.event_cursor SET position = 2""",
        ),
        ("positions of events have no gaps", "DELETE FROM workflow.event WHERE position = 2"),
        ("positions of events have no gaps", "UPDATE workflow.event_cursor SET position = 2"),
        (
            "the relay runs and the exchange keeps up",
            "UPDATE workflow.event_cursor SET moved_at = now() - interval '2 min'",
        ),
        (
            "the relay runs and the exchange keeps up",
            """UPDATE workflow.event SET created_at = now() - interval '2 min';
            UPDATE workflow.event_cursor SET position = 1 WHERE name = 'exchange'""",
        ),
    ],
)
def test_the_audit_finds_events_that_are_not_passed_on(invariant: str, statement: str) -> None:
    assert list(lag(statement)) == [invariant]


def test_gaps_that_retention_leaves_are_no_violation() -> None:
    assert lag("""UPDATE workflow.event SET created_at = now() - interval '401 days' WHERE position < 3;
        DELETE FROM workflow.event WHERE position = 2""") == {}  # fmt: skip
