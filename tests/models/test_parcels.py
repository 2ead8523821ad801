"""Withdrawing a parcel and refunding what is left, without workers."""

import pytest

from durable.ids import new_id
from models import fulfilment, payments
from models.core.database import transaction
from models.core.errors import Conflict
from tests.models.sales import Sale
from tests.models.shelves import product


@pytest.fixture
def parcel(database: None) -> fulfilment.Parcel:
    """A packed parcel of a confirmed order, whose run no worker has begun."""
    sale = Sale(product("BOOK", 6))
    for act in sale.forwards():
        act()
    with transaction() as session:
        return fulfilment.pack(session, sale.id, tracking_number="1Z", actor=new_id("usr"))


def test_a_parcel_is_not_withdrawn_while_its_payment_is_being_captured(parcel: fulfilment.Parcel) -> None:
    with transaction() as session:
        payment_id = payments.find_first_payment(session, parcel.order_id)
        payments.open_capture(session, payment_id, parcel.run_id)
    with pytest.raises(Conflict) as refused, transaction() as session:
        fulfilment.withdraw(session, parcel.id)
    assert refused.value.code == "capture_in_progress"
    with transaction() as session:
        assert fulfilment.get_parcel(session, parcel.id).status == "pending"


def test_a_parcel_is_withdrawn_before_its_payment_is_captured(parcel: fulfilment.Parcel) -> None:
    with transaction() as session:
        assert fulfilment.withdraw(session, parcel.id).run_id == parcel.run_id


def test_a_refund_that_was_decided_before_is_of_what_is_left(parcel: fulfilment.Parcel) -> None:
    with transaction() as session:
        payment_id = payments.find_first_payment(session, parcel.order_id)
        opened = payments.open_capture(session, payment_id, parcel.run_id)
        assert opened is not None
        total = payments.settle_capture(
            session, opened, payments.get_payment(session, payment_id).amount, "pi_1"
        ).amount
        first = payments.request_refund(session, payment_id, total - 1, "Torn", owner=None)
        payments.settle_refund(session, first.id, "re_1", "succeeded")
        second = payments.open_refund(session, payment_id, total, parcel.run_id)
        assert second is not None
        assert second.amount == 1
        payments.settle_refund(session, second.id, "re_2", "succeeded")
        assert payments.open_refund(session, payment_id, total, parcel.run_id) is None
