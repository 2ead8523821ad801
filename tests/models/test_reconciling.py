"""What a reconciliation compares, and what it takes for a difference."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from durable.ids import new_id
from models import payments
from models.core.database import transaction
from models.operations import reconciling
from models.operations.audit import ProviderPayment
from models.operations.reconciling import Slice
from tests.models.auditing import broken, change, ledger
from tests.models.sales import Sale
from tests.shopping import make_product

pytestmark = pytest.mark.usefixtures("database")
FAR = timedelta(days=1)


def sell(*, until: int = 99) -> Sale:
    """An order that was taken through its first steps, by default to the end."""
    sale = Sale(make_product(f"CUP-{new_id('x')[-6:]}", 5, price=1200))
    for action in sale.forwards()[:until]:
        action()
    return sale


def compared(*made: ProviderPayment, first: str | None = None, last: str | None = None) -> dict[str, dict[str, Any]]:
    """Compares these payments of the provider, and ours from `first` to `last`; subject → its difference."""
    reconciliation_id = new_id("rec")
    one: Slice = {"gateway": "stripe", "since": "", "until": "", "first": first, "last": last or first}
    with transaction() as session:
        asked_at = session.scalars(select(func.clock_timestamp())).one()
        reconciling.compare(session, reconciliation_id, one, made, asked_at)
    with transaction() as session:
        found = payments.differences_after(session, reconciliation_id, None, 100)
        names = ("kind", "order_id", "payment_id", "ours", "theirs", "ours_currency", "theirs_currency")
        return {one.subject: {name: getattr(one, name) for name in names} for one in found}


def kinds(*made: ProviderPayment, **our: str | None) -> list[str]:
    return [one["kind"] for one in compared(*made, **our).values()]


def test_equal_payments_do_not_differ() -> None:
    sale = sell()
    assert sale.held
    assert compared(sale.held, first=sale.payment_id) == {}


@pytest.mark.parametrize(
    ("theirs", "kind", "ours", "amount"),
    [
        ({"amount": 999}, "amount_differs", 2400, 999),
        ({"currency": "USD"}, "amount_differs", 2400, 2400),
        ({"state": "captured", "captured": 2400}, "amount_differs", 0, 2400),
        ({"state": "voided"}, "order_without_payment", 2400, 0),
        ({"state": "lapsed"}, "lapsed_authorisation", 2400, 0),
    ],
)
def test_a_payment_that_differs_is_found(theirs: dict[str, Any], kind: str, ours: int, amount: int) -> None:
    sale = sell()
    assert sale.held
    assert sale.order.total == 2400
    (found,) = compared(replace(sale.held, **theirs), first=sale.payment_id).values()
    assert (found["kind"], found["ours"], found["theirs"]) == (kind, ours, amount)
    assert (found["order_id"], found["payment_id"]) == (sale.id, sale.payment_id)


def test_a_refund_that_differs_is_found() -> None:
    sale = sell()
    assert sale.held
    change("UPDATE payments.payment SET status = 'partially_refunded', captured = amount, refunded = 400")
    taken = replace(sale.held, state="captured", captured=2400, refunded=400)
    assert compared(taken, first=sale.payment_id) == {}
    (found,) = compared(replace(taken, refunded=900), first=sale.payment_id).values()
    assert (found["kind"], found["ours"], found["theirs"]) == ("refund_differs", 400, 900)


def test_a_confirmed_order_that_the_provider_does_not_know_is_found() -> None:
    sale = sell()
    (found,) = compared(first=sale.payment_id).values()
    assert (found["kind"], found["ours"], found["theirs"]) == ("order_without_payment", 2400, None)


def test_a_confirmed_order_whose_payment_was_voided_is_found() -> None:
    sale = sell()
    change("UPDATE payments.payment SET status = 'voided'")
    assert sale.held
    assert kinds(replace(sale.held, state="voided"), first=sale.payment_id) == ["order_without_payment"]
    change("UPDATE payments.transaction SET kind = 'void', error = '{\"code\": \"authorisation_lapsed\"}'")
    assert kinds(replace(sale.held, state="lapsed"), first=sale.payment_id) == []


def test_a_second_payment_of_an_order_is_found() -> None:
    sale = sell()
    assert sale.held
    second = replace(sale.held, reference="pi_second")
    assert kinds(sale.held, second, first=sale.payment_id) == ["double_payment"]
    assert kinds(sale.held, replace(second, state="voided"), first=sale.payment_id) == []
    taken = replace(second, state="captured", captured=2400)
    assert kinds(sale.held, taken, first=sale.payment_id) == ["double_payment"]


def test_a_second_payment_that_the_shop_has_recorded_is_found() -> None:
    sale = sell()
    second = new_id("pay")
    with transaction() as session:
        values = {"amount": 2400, "currency": "EUR", "method": "m", "status": "authorised", "reference": "pi_second"}
        session.add(payments.Payment(id=second, order_id=sale.id, **values))
    assert sale.held
    other = replace(sale.held, reference="pi_second", payment_id=second)
    assert compared(sale.held, other, first=sale.payment_id, last=second)["pi_second"]["kind"] == "double_payment"


@pytest.mark.parametrize(
    ("order_id", "state", "kind"),
    [
        (None, "authorised", "paid_without_order"),  # another program's
        ("cart_17", "authorised", "paid_without_order"),
        (f"ord_{'0' * 32}", "authorised", "forgotten_authorisation"),
        (f"ord_{'0' * 32}", "captured", "paid_without_order"),
        (f"ord_{'0' * 32}", "voided", None),
        (f"ord_{'0' * 32}", "declined", None),
        (f"ord_{'0' * 32}", "requires_action", None),
    ],
)
def test_a_payment_of_an_unknown_order_is_judged(order_id: str | None, state: str, kind: str | None) -> None:
    stray = ProviderPayment("pi_stray", order_id, None, state, 700, "EUR", captured=700 * (state == "captured"))
    assert kinds(stray) == ([kind] if kind else [])


def test_a_hold_of_a_cancelled_order_is_forgotten() -> None:
    sale = sell(until=0)
    sale.hold()
    sale.cancel()
    assert sale.held
    assert kinds(sale.held, first=sale.payment_id) == []  # its checkout still runs, and may void it
    sale.end("cancelled")
    (found,) = compared(sale.held, first=sale.payment_id).values()
    assert (found["kind"], found["order_id"], found["theirs"]) == ("forgotten_authorisation", sale.id, 2400)
    taken = replace(sale.held, state="captured", captured=2400)
    assert kinds(taken, first=sale.payment_id) == ["paid_without_order"]


@pytest.mark.parametrize("until", range(7))
def test_a_checkout_in_progress_never_differs(until: int) -> None:
    sale = sell(until=until)
    held = [sale.held] if sale.held else []
    assert kinds(*held, first=sale.payment_id) == []


def test_what_has_changed_since_the_provider_was_asked_does_not_differ() -> None:
    sale = sell()
    change("UPDATE payments.payment SET updated_at = now() + interval '1 minute'")
    assert compared(first=sale.payment_id) == {}
    change("UPDATE payments.payment SET updated_at = now()")
    assert kinds(first=sale.payment_id) == ["order_without_payment"]


def test_a_pending_capture_does_not_differ() -> None:
    sale = sell()
    assert sale.held
    with transaction() as session:
        payments.request_capture(session, sale.payment_id, None, owner=None)
    assert kinds(replace(sale.held, state="captured", captured=2400), first=sale.payment_id) == []


# ---- slices


def opened(number: int) -> list[str]:
    """Payments that were opened a second apart, oldest first."""
    with transaction() as session:
        query = text("""
            INSERT INTO payments.payment (id, order_id, amount, currency, method, created_at)
            SELECT uuidv7(n * interval '1 second' - interval '1 hour'), gen_random_uuid(), 1, 'EUR', 'm',
                now() + n * interval '1 second' - interval '1 hour'
            FROM generate_series(1, :number) AS n""")
        session.execute(query, {"number": number})
        return list(session.scalars(select(payments.Payment.id).order_by(payments.Payment.id)))


@pytest.mark.parametrize("number", [0, 1, 3, 4, 6, 7, 20])
def test_slices_contain_every_payment_once_and_leave_no_gap(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(reconciling, "SLICE", 3)
    ids = opened(number)
    start, end = datetime.now(UTC) - FAR, datetime.now(UTC)
    slices: list[Slice] = []
    after: str | None = None
    while True:
        with transaction() as session:
            found, after = reconciling.cut(session, "stripe", start, end, after, 2)
        assert len(found) <= 2
        slices += found
        if after is None:
            break
    assert [one["since"] for one in slices[1:]] == [one["until"] for one in slices[:-1]]
    assert (slices[0]["since"], slices[-1]["until"]) == (start.isoformat(), end.isoformat())
    inside = [[i for i in ids if one["first"] and one["last"] and one["first"] <= i <= one["last"]] for one in slices]
    assert [i for portion in inside for i in portion] == ids
    assert all(len(portion) <= 3 for portion in inside)


def test_payments_outside_the_period_or_of_another_provider_are_in_no_slice() -> None:
    (one,) = opened(1)
    now = datetime.now(UTC)
    for gateway, start, end in (("paypal", now - FAR, now), ("stripe", now - FAR, now - FAR / 2), ("stripe", now, now)):
        with transaction() as session:
            (found,), after = reconciling.cut(session, gateway, start, end, None, 10)
        assert (found["first"], after) == (None, None), (gateway, one)


def test_a_day_in_progress_is_not_started_again() -> None:
    day = datetime.now(UTC).date()
    with transaction() as session:
        first = reconciling.start(session, day, None)
        assert reconciling.start(session, day, None) == first
        assert reconciling.start(session, day - FAR, None) != first
    change("UPDATE workflow.run SET finished_at = now(), status = 'succeeded'")
    with transaction() as session:
        assert reconciling.start(session, day, None) != first


@pytest.mark.parametrize(
    "statement",
    ["UPDATE payments.reconciliation SET status = 'clean'", "DELETE FROM payments.difference",
     "UPDATE payments.difference SET repair = 'done'"],
)  # fmt: skip
def test_an_audit_finds_a_reconciliation_that_miscounts_its_differences(statement: str) -> None:
    reconciliation_id, now = new_id("rec"), datetime.now(UTC)
    stray = ProviderPayment("pi_stray", None, None, "authorised", 700, "EUR")
    one: Slice = {"gateway": "stripe", "since": "", "until": "", "first": None, "last": None}
    with transaction() as session:
        reconciling.compare(session, reconciliation_id, one, [stray], now)
        made = reconciling.write(
            session, reconciliation_id, new_id("run"), now.date(), now, now, {"ours": 0, "theirs": 1}
        )
    assert made.counts == {"ours": 0, "theirs": 1, "differences": 1, "repaired": 0, "paid_without_order": 1}
    assert broken(ledger()) == {}
    change(statement)
    assert broken(ledger()) == {"a reconciliation counts its differences": [made.id]}
