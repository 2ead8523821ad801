"""The invariants between the payments of the shop and of the gateway."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from models import payments
from models.core.database import transaction
from models.operations.audit import Finding, ProviderPayment
from tests.models.auditing import broken, change, check, ledger
from tests.models.sales import Sale


def test_a_second_authorisation_is_found(sold: Sale) -> None:
    assert sold.held
    now = ledger(sold)
    for state, live in (("authorised", True), ("voided", False)):
        twin = replace(sold.held, reference="pi_twin", state=state)
        found = broken(replace(now, payments=[sold.held, twin]))
        assert found["the gateway has authorised at most once for a payment"] == [sold.id]
        assert found.get("the gateway holds no money without an order", []) == (["pi_twin"] if live else [])
    for state in ("requires_payment_method", "canceled"):
        never_held = replace(sold.held, reference="pi_never_held", state=state)
        assert broken(replace(now, payments=[sold.held, never_held])) == {}


def test_a_lapsed_authorisation_is_reported_without_a_violation(sold: Sale, refused: Sale) -> None:
    assert sold.held
    assert refused.held
    name = "authorisations that have lapsed"
    assert check(ledger(sold, refused))[name] == Finding(name, True, {"lapsed": 0, "amount": 0}, [])
    lapsed = [replace(sold.held, state="lapsed"), replace(refused.held, state="lapsed")]
    now = replace(ledger(), payments=lapsed)
    assert broken(now) == {}
    # A cancelled order may be voided or lapsed.
    assert check(now)[name] == Finding(name, True, {"lapsed": 1, "amount": sold.held.amount}, [sold.id])
    assert check(now)["the gateway's payments match the shop's"].figures["held_there"] == 0
    change("UPDATE payments.payment SET status = 'captured' WHERE status = 'authorised'")
    assert broken(now) == {"the gateway's payments match the shop's": [sold.id]}


def test_a_second_authorisation_is_found_even_if_one_has_lapsed(sold: Sale) -> None:
    assert sold.held
    twin = replace(sold.held, reference="pi_twin", state="lapsed")
    found = broken(replace(ledger(sold), payments=[sold.held, twin]))
    assert found == {"the gateway has authorised at most once for a payment": [sold.id]}


def test_an_order_may_have_several_payments_with_one_authorised(sold: Sale) -> None:
    assert sold.held
    change("""INSERT INTO payments.payment (id, order_id, amount, currency, method, status, reference)
        SELECT gen_random_uuid(), order_id, amount, currency, method, 'voided', 'pi_first' FROM payments.payment""")
    change("INSERT INTO payments.payment (id, order_id, amount, currency, method, status)"
           " SELECT gen_random_uuid(), order_id, amount, currency, method, 'failed' FROM payments.payment"
           " WHERE status = 'authorised'")  # fmt: skip
    with transaction() as session:
        first = session.scalars(select(payments.Payment.id).where(payments.Payment.reference == "pi_first")).one()
    let_go = replace(sold.held, reference="pi_first", payment_id=first, state="voided")
    now = replace(ledger(sold), payments=[sold.held, let_go])
    assert broken(now) == {}
    assert check(now)["every confirmed order is paid once"].figures == {
        "confirmed": 1, "lapsed": 0, "totals": 2, "held": 2, "wrong": 0,
    }  # fmt: skip
    given_up = replace(let_go, state="cancelled")  # before the bank has decided
    assert broken(replace(now, payments=[sold.held, given_up])) == {}
    swapped = replace(let_go, payment_id=sold.held.payment_id)
    assert broken(replace(now, payments=[sold.held, swapped])) == {
        "the gateway has authorised at most once for a payment": [sold.id],
        "the gateway's payments match the shop's": [sold.id],
    }
    change("UPDATE payments.payment SET status = 'authorised' WHERE reference = 'pi_first'")
    both = replace(ledger(sold), payments=[sold.held, replace(let_go, state="authorised")])
    assert broken(both) == {"every confirmed order is paid once": [sold.id]}


def test_several_payments_may_cover_an_order_together(sold: Sale) -> None:
    assert sold.held
    change("UPDATE payments.payment SET amount = 1")
    change("""WITH second AS (
            INSERT INTO payments.payment (id, order_id, amount, currency, method, status, reference)
            SELECT gen_random_uuid(), order_id, 1, currency, method, 'captured', 'pi_second' FROM payments.payment
            RETURNING id)
        INSERT INTO payments.transaction (id, payment_id, kind, status, amount)
        SELECT gen_random_uuid(), id, 'authorise', 'succeeded', 1 FROM second""")
    half = replace(sold.held, amount=1)
    other = replace(half, reference="pi_second", payment_id=None, state="captured")
    assert broken(replace(ledger(sold), payments=[half, other])) == {}


@pytest.mark.parametrize("fault", [{"amount": 1}, {"currency": "USD"}, {"state": "voided"}, {"state": "captured"}])
def test_a_payment_that_differs_at_the_gateway_is_found(sold: Sale, fault: dict[str, object]) -> None:
    assert sold.held
    found = broken(replace(ledger(sold), payments=[replace(sold.held, **fault)]))  # type: ignore[arg-type]
    assert found == {"the gateway's payments match the shop's": [sold.id]}


def test_a_payment_unknown_to_the_gateway_is_found(sold: Sale) -> None:
    assert broken(ledger()) == {"the gateway's payments match the shop's": [sold.id]}


@pytest.mark.parametrize("order_id", [None, "ord_1", "ord_" + "0" * 32, "'; DROP TABLE orders.line; --"])
def test_an_authorisation_without_an_order_is_found(order_id: str | None) -> None:
    stray = ProviderPayment("pi_stray", order_id, None, "authorised", 1, "EUR")
    found = broken(replace(ledger(), payments=[stray]))
    assert found == {"the gateway holds no money without an order": ["pi_stray"]}


def test_an_authorisation_of_a_cancelled_order_is_found(refused: Sale) -> None:
    assert refused.held
    found = broken(replace(ledger(), payments=[replace(refused.held, state="authorised")]))
    assert found == {
        "the gateway holds no money without an order": [refused.held.reference],
        "the gateway's payments match the shop's": [refused.id],
    }


def test_an_authorisation_left_by_a_lost_undo_is_found(book: str) -> None:
    sale = Sale(book)
    for action in (sale.hold, sale.cancel, lambda: sale.notify("order_cancelled"), lambda: sale.end("cancelled")):
        action()
    assert sale.held
    assert broken(ledger(sale)) == {"the gateway holds no money without an order": [sale.held.reference]}
