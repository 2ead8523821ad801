"""What a provider reports of a payment, and transactions whose run has ended without an answer."""

import pytest
from sqlalchemy import select, text

from durable import queries, transitions
from durable.tables import RunRecord
from models import payments
from models.core.database import transaction
from models.core.event_log import Event
from tests.models.sales import Sale
from tests.models.shelves import product

STATES = ("pending", "succeeded", "failed")


@pytest.fixture
def sale(database: None) -> Sale:
    """A confirmed order whose payment of 20 is captured."""
    sale = Sale(product("BOOK", 6))
    for act in sale.forwards():
        act()
    with transaction() as session:
        asked = payments.request_capture(session, sale.payment_id, None, owner=None)
        payments.settle_capture(session, asked.id, asked.amount, "pi")
    end(str(asked.run_id))
    return sale


def end(run_id: str, minutes: int = 0) -> None:
    with transaction() as session:
        transitions.end(session, queries.get_run(session, run_id), "cancelled")
        session.flush()
        session.execute(
            text("UPDATE workflow.run SET finished_at = now() - make_interval(mins => :m) WHERE id = :id"),
            {"m": minutes, "id": run_id.removeprefix("run_")},
        )


def ask_refund(sale: Sale, amount: int = 1) -> payments.Transaction:
    with transaction() as session:
        return payments.request_refund(session, sale.payment_id, amount, "Torn", owner=None)


def report(sale: Sale, reference: str, state: str, attempt: str | None = None) -> list[str]:
    said: payments.ReportedRefund = {"reference": reference, "attempt": attempt, "state": state, "reason": None}
    with transaction() as session:
        return payments.record_report(session, sale.payment_id, [said], [])


def state_of(sale: Sale, transaction_id: str) -> tuple[str, str | None, str, int]:
    with transaction() as session:
        one, payment = payments.get_transaction(session, transaction_id), payments.get_payment(session, sale.payment_id)
        return one.status, one.reference, payment.status, payment.refunded


def names() -> list[str]:
    with transaction() as opened:
        return [
            name
            for name in opened.scalars(select(Event.name).order_by(Event.id))
            if name.startswith(("refund.", "dispute."))
        ]


def test_a_report_may_come_before_the_answer(sale: Sale) -> None:
    asked = ask_refund(sale)
    assert report(sale, "re_1", "succeeded", f"{asked.run_id}:payments.refund") == [asked.id]
    assert state_of(sale, asked.id) == ("succeeded", "re_1", "partially_refunded", 1)
    with transaction() as session:
        payments.settle_refund(session, asked.id, "re_1", "pending")
    assert state_of(sale, asked.id) == ("succeeded", "re_1", "partially_refunded", 1)


@pytest.mark.parametrize("late", STATES)
def test_a_refund_that_has_failed_has_ended(sale: Sale, late: str) -> None:
    asked = ask_refund(sale)
    with transaction() as session:
        payments.settle_refund(session, asked.id, "re_1", "succeeded")
    assert report(sale, "re_1", "failed") == [asked.id]
    assert report(sale, "re_1", late) == []
    assert state_of(sale, asked.id) == ("failed", "re_1", "captured", 0)
    assert names() == ["refund.failed"]


def test_a_refund_of_somebody_else_is_not_recorded(sale: Sale) -> None:
    asked = ask_refund(sale)
    assert report(sale, "re_other", "succeeded", "run_other:payments.refund") == []
    assert state_of(sale, asked.id) == ("pending", None, "captured", 0)


def test_a_dispute_only_goes_forward(sale: Sale) -> None:
    for state, status in (("under_review", "disputed"), ("needs_response", "disputed"), ("lost", "refunded"),
                          ("needs_response", "refunded")):  # fmt: skip
        said: payments.ReportedDispute = {"reference": "dp_1", "amount": 2, "state": state, "reason": "general"}
        with transaction() as session:
            payments.record_report(session, sale.payment_id, [], [said])
            assert payments.get_payment(session, sale.payment_id).status == status
    assert names() == ["dispute.opened", "dispute.closed"]


def test_an_unanswered_refund_is_settled_by_the_provider(sale: Sale) -> None:
    made, lost = ask_refund(sale), ask_refund(sale)
    for one in (made, lost):
        end(str(one.run_id), 5)
    with transaction() as session:
        assert payments.list_unanswered(session, sale.payment_id) == []
    for one in (made, lost):
        end(str(one.run_id), 20)
    report(sale, "re_1", "succeeded", f"{made.run_id}:payments.refund")
    with transaction() as session:
        unanswered = [one.id for one in payments.list_unanswered(session, sale.payment_id)]
        payments.settle_unanswered(session, sale.payment_id, [made.id, *unanswered], "captured", 2)
    assert unanswered == [lost.id]
    assert state_of(sale, made.id)[:2] == ("succeeded", "re_1")
    assert state_of(sale, lost.id)[:2] == ("failed", None)
    # It was made after all.
    report(sale, "re_2", "succeeded", f"{lost.run_id}:payments.refund")
    assert state_of(sale, lost.id) == ("succeeded", "re_2", "refunded", 2)


def test_transactions_that_wait_too_long_are_followed_up_once_a_slot(sale: Sale) -> None:
    asked = ask_refund(sale)
    with transaction() as session:
        payments.settle_refund(session, asked.id, "re_1", "pending")
        assert payments.start_updates(session, "one") == 0
        session.execute(text("UPDATE payments.transaction SET created_at = now() - interval '2 hours'"))
    for _ in range(2):
        with transaction() as session:
            assert payments.start_updates(session, "one") == 1
            session.info.clear()  # not to be published
    with transaction() as session:
        (started,) = session.scalars(select(RunRecord).where(RunRecord.workflow == "payment_update"))
        assert started.input == {"payment_id": sale.payment_id}


def test_open_disputes_are_followed_up_until_they_are_closed(sale: Sale) -> None:
    updates = []
    for slot, state in enumerate(("needs_response", "under_review", "won")):
        said: payments.ReportedDispute = {"reference": "dp_1", "amount": 2, "state": state, "reason": "general"}
        with transaction() as session:
            payments.record_report(session, sale.payment_id, [], [said])
            session.execute(text("UPDATE payments.transaction SET created_at = now() - interval '2 hours'"))
            updates.append(payments.start_updates(session, str(slot)))
            session.info.clear()  # not to be published
    assert updates == [1, 1, 0]


def test_a_payment_with_a_refund_and_a_dispute_is_updated_once(sale: Sale) -> None:
    asked = ask_refund(sale)
    said: payments.ReportedDispute = {"reference": "dp_1", "amount": 1, "state": "inquiry", "reason": None}
    with transaction() as session:
        payments.settle_refund(session, asked.id, "re_1", "pending")
        payments.record_report(session, sale.payment_id, [], [said])
        session.execute(text("UPDATE payments.transaction SET created_at = now() - interval '2 hours'"))
        assert payments.start_updates(session, "one") == 1
        session.info.clear()  # not to be published
