"""Payments: recorded results, their order, and several payments per order."""

from typing import Any

import pytest
from sqlalchemy import func, insert, select

import durable
from durable import queries
from durable.ids import new_id
from models import payments
from models.core.database import transaction
from models.core.errors import Conflict, NotFound
from tests.models.sales import Sale
from tests.models.shelves import product
from tests.runs import some_input


def pay(order_id: str | None = None) -> str:
    with transaction() as session:
        return payments.open_payment(session, order_id or new_id("ord"), 1999, "EUR", "pm_card_visa")


def record(what: Any, *arguments: Any) -> None:
    with transaction() as session:
        what(session, *arguments)


def read(payment_id: str) -> tuple[str, str | None]:
    with transaction() as session:
        payment = payments.lock_payment(session, payment_id)
        return payment.status, payment.reference


def done(payment_id: str) -> list[tuple[str, str, str | None]]:
    with transaction() as session:
        return [(t.kind, t.status, t.reference) for t in payments.list_transactions(session, payment_id)]


def refused(what: Any, *arguments: Any) -> dict[str, Any]:
    with pytest.raises(Conflict) as refusal, transaction() as session:
        what(session, *arguments)
    assert refusal.value.code == "wrong_state"
    return refusal.value.extra


def test_an_authorised_payment_is_voided_once() -> None:
    payment_id = pay()
    record(payments.record_authorisation, payment_id, "pi_1")
    assert read(payment_id) == ("authorised", "pi_1")
    for _ in range(2):
        record(payments.record_void, payment_id, "pi_1")
    assert read(payment_id) == ("voided", "pi_1")
    assert done(payment_id) == [("authorise", "succeeded", "pi_1"), ("void", "succeeded", "pi_1")]


def test_an_unauthorised_payment_is_voided_without_a_transaction() -> None:
    payment_id = pay()
    for _ in range(2):
        record(payments.record_void, payment_id, None)
    assert (read(payment_id), done(payment_id)) == (("voided", None), [])


def test_a_declined_payment_stays_declined() -> None:
    payment_id = pay()
    record(payments.record_decline, payment_id, "expired_card")
    record(payments.record_void, payment_id, None)
    assert (read(payment_id), done(payment_id)) == (("failed", None), [("authorise", "declined", None)])
    assert refused(payments.record_authorisation, payment_id, "pi_2") == {"current": "failed", "possible": []}


def test_a_voided_payment_cannot_be_authorised_again() -> None:
    payment_id = pay()
    record(payments.record_authorisation, payment_id, "pi_3")
    authorised = {"current": "authorised", "possible": ["captured", "partially_captured", "voided", "disputed"]}
    assert refused(payments.record_authorisation, payment_id, "pi_3") == authorised
    assert refused(payments.record_decline, payment_id, None) == authorised
    record(payments.record_void, payment_id, "pi_3")
    assert refused(payments.record_authorisation, payment_id, "pi_3") == {"current": "voided", "possible": []}
    assert len(done(payment_id)) == 2


def test_an_unknown_payment_is_not_found() -> None:
    for what in (payments.record_authorisation, payments.record_decline, payments.record_void):
        with pytest.raises(NotFound), transaction() as session:
            what(session, new_id("pay"), "pi_4")
    with pytest.raises(NotFound), transaction() as session:
        payments.find_first_payment(session, new_id("ord"))


def test_an_order_may_have_several_payments() -> None:
    order_id, other = new_id("ord"), pay()
    first, second = pay(order_id), pay(order_id)
    record(payments.record_decline, first, "expired_card")
    record(payments.record_authorisation, second, "pi_5")
    assert (read(first), read(second), read(other)) == (("failed", None), ("authorised", "pi_5"), ("pending", None))
    with transaction() as session:
        assert payments.find_first_payment(session, order_id) == first
        newest = payments.list_newest_payments(session, [order_id, new_id("ord")])
        assert {order: payment.id for order, payment in newest.items()} == {order_id: second}
        asked = payments.get_authorisation_request(session, second)
        assert (asked["payment_id"], asked["order_id"], asked["gateway"]) == (second, order_id, "stripe")


def test_a_payment_may_be_captured_and_refunded_in_parts() -> None:
    payment_id = pay()
    record(payments.record_authorisation, payment_id, "pi_6")
    parts = [("capture", 500), ("capture", 1499), ("refund", 5), ("refund", 6)]
    with transaction() as session:
        for kind, amount in parts:
            row = {"payment_id": payment_id, "kind": kind, "amount": amount, "status": "succeeded"}
            session.execute(insert(payments.Transaction), {"id": new_id("txn"), **row})
    with transaction() as session:
        made = payments.list_transactions(session, payment_id)
    assert [(one.kind, one.amount) for one in made] == [("authorise", 1999), *parts]


def pausing_checkout() -> tuple[str, str]:
    """The order and the run of a checkout that pauses before its next attempt."""
    sale = Sale(product("BOOK", 2))
    with transaction() as session:
        queries.get_run(session, sale.run_id).published_at = None
    return sale.id, sale.run_id


def generation(run_id: str) -> int:
    with transaction() as session:
        return queries.get_run(session, run_id).generation


def test_a_webhook_event_wakes_its_checkout_once() -> None:
    order_id, run_id = pausing_checkout()
    event = ("evt_1", "payment_intent.succeeded", "pi_7", order_id)
    for _ in range(2):
        record(payments.record_webhook_event, *event)
        with transaction() as session:
            queries.get_run(session, run_id).published_at = None
    assert generation(run_id) == 1
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(payments.WebhookEvent)).one() == 1


def test_an_unrelated_webhook_event_wakes_no_run() -> None:
    _, run_id = pausing_checkout()
    with transaction() as session:
        other = durable.start(session, "clean_up", new_id("ord"), some_input("clean_up"))
        session.info.clear()  # not to be published
    record(payments.record_webhook_event, "evt_2", "payout.paid", None, None)
    record(payments.record_webhook_event, "evt_3", "payment_intent.succeeded", "pi_8", new_id("ord"))
    assert (generation(run_id), generation(other)) == (0, 0)
